import type { ArchiverFacts } from '../core/archive-rules.js';
import type { ServerDef } from '../core/model.js';
import { type Outcome, ok } from '../core/outcome.js';
import type { SqlPort } from '../plugin/contract.js';

/** Needs `pg_monitor`. Times as ISO 8601 in UTC. */
const ARCHIVER = `
SELECT current_setting('archive_mode') AS mode, pg_is_in_recovery() AS in_recovery,
       pg_size_bytes(current_setting('wal_segment_size')) AS segment_bytes, waiting.ready, waiting.ms AS waiting_ms,
       last_archived_wal, last_failed_wal, failed_count,
       to_char(last_archived_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS last_archived,
       to_char(last_failed_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS last_failed
  FROM pg_stat_archiver,
       (SELECT count(*) AS ready, round(extract(epoch FROM clock_timestamp() - min(modification)) * 1000) AS ms
          FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready') waiting`;

/** The WAL archiver of one server, as it is now. */
export async function readArchiver(
  sql: SqlPort,
  server: ServerDef,
  signal: AbortSignal,
): Promise<Outcome<ArchiverFacts>> {
  const rows = await sql.query(server, ARCHIVER, [], { signal });
  if (!rows.ok) return rows;
  const [row = {}] = rows.value;
  const { mode, waiting_ms } = row;
  return ok({
    mode: mode === 'always' || mode === 'on' ? mode : 'off',
    in_recovery: row['in_recovery'] === 't',
    ready: Number(row['ready'] ?? 0),
    waiting_ms: waiting_ms == null ? null : Math.max(0, Number(waiting_ms)),
    segment_bytes: Number(row['segment_bytes'] ?? 0),
    last_archived_wal: row['last_archived_wal'] ?? null,
    last_archived: row['last_archived'] ?? null,
    last_failed_wal: row['last_failed_wal'] ?? null,
    last_failed: row['last_failed'] ?? null,
    failed_count: Number(row['failed_count'] ?? 0),
  });
}
