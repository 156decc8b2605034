import type { WalNeed } from '../core/archive-cleanup.js';
import type { ArchiveSettings } from '../core/archive-scripts.js';
import { parseLsn } from '../core/lsn.js';
import type { ServerDef } from '../core/model.js';
import { type Outcome, describeFailure, fail, ok } from '../core/outcome.js';
import type { SqlPort } from '../plugin/contract.js';

/** `archive_library` is not there before PostgreSQL 15. */
const SETTINGS = `
SELECT current_setting('archive_mode') AS archive_mode,
       (SELECT setting FROM pg_settings WHERE name = 'archive_command') AS archive_command,
       current_setting('archive_library', true) AS archive_library,
       current_setting('restore_command') AS restore_command,
       current_setting('archive_cleanup_command') AS archive_cleanup_command,
       current_setting('server_version_num') AS version`;

/** The settings of a server that have to do with the archive, and its major version. */
export async function readArchiveSettings(
  sql: SqlPort,
  server: ServerDef,
  signal: AbortSignal,
): Promise<Outcome<{ readonly settings: ArchiveSettings; readonly major: number }>> {
  const rows = await sql.query(server, SETTINGS, [], { signal });
  if (!rows.ok) return rows;
  const [row] = rows.value;
  if (row === undefined) return fail('sql_query', `${server.name}: no answer to a question for its settings`);
  const settings: ArchiveSettings = {
    archive_mode: row['archive_mode'] ?? '',
    archive_command: row['archive_command'] ?? '',
    archive_library: row['archive_library'] ?? '',
    restore_command: row['restore_command'] ?? '',
    archive_cleanup_command: row['archive_cleanup_command'] ?? '',
  };
  return ok({ settings, major: Math.floor(Number(row['version'] ?? 0) / 10_000) });
}

/** "pg_control_checkpoint": of a standby it is the restart point. */
const NEED = `
SELECT (SELECT redo_lsn FROM pg_control_checkpoint())::text AS redo,
       (SELECT min(restart_lsn) FROM pg_replication_slots)::text AS slots,
       pg_size_bytes(current_setting('wal_segment_size'))::text AS segment_bytes`;

/** What a server still needs of WAL, and how large its segments are. */
export async function readWalNeed(
  sql: SqlPort,
  server: ServerDef,
  signal: AbortSignal,
): Promise<{ readonly need: WalNeed; readonly segment_bytes: number }> {
  const rows = await sql.query(server, NEED, [], { signal });
  if (!rows.ok) {
    const need = { server: server.name, redo: null, slots: null, trouble: describeFailure(rows.error) };
    return { need, segment_bytes: 0 };
  }
  const [row = {}] = rows.value;
  const { redo, slots } = row;
  const need: WalNeed = {
    server: server.name,
    redo: redo == null ? null : parseLsn(redo),
    slots: slots == null ? null : parseLsn(slots),
    trouble: null,
  };
  return { need, segment_bytes: Number(row['segment_bytes'] ?? 0) };
}
