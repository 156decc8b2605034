import type { ServerDef } from '../core/model.js';
import { describeFailure } from '../core/outcome.js';
import type { CandidatePreflight, MasterPreflight, Walsender } from '../core/preflight.js';
import type { SqlPort } from '../plugin/contract.js';

const ARCHIVER = `
SELECT current_setting('archive_mode') AS mode,
       (SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready') AS ready,
       CASE WHEN last_failed_time > coalesce(last_archived_time, '-infinity') THEN last_failed_wal END AS failing
  FROM pg_stat_archiver`;

const WALSENDERS = `
SELECT r.application_name, r.state, s.slot_type, s.slot_name
  FROM pg_stat_replication r LEFT JOIN pg_replication_slots s ON s.active_pid = r.pid
 WHERE r.state IS NOT NULL`;

const TRANSACTIONS = `
SELECT pid, usename, round(extract(epoch FROM clock_timestamp() - xact_start)) AS seconds
  FROM pg_stat_activity
 WHERE backend_type = 'client backend' AND xact_start < clock_timestamp() - interval '60 s'
 ORDER BY xact_start LIMIT 20`;

/** What the master says of itself before it is stopped; the reason where it does not. Needs `pg_monitor`. */
export async function lookAtMaster(
  sql: SqlPort,
  master: ServerDef,
  signal: AbortSignal,
): Promise<MasterPreflight | string> {
  const texts = [ARCHIVER, WALSENDERS, TRANSACTIONS];
  const { reach, results } = await sql.look(
    master,
    texts.map((text) => ({ text })),
    { signal },
  );
  const wrong = results.find((one) => !one.ok);
  if (wrong?.ok === false) return describeFailure(wrong.error);
  if (results.length < texts.length) return `${reach.kind}: ${reach.detail}`;
  const [archiver = [], walsenders = [], transactions = []] = results.map((one) => (one.ok ? one.value : []));
  const [row = {}] = archiver;
  return {
    archiving: row['mode'] !== 'off',
    ready: Number(row['ready'] ?? 0),
    failing: row['failing'] ?? null,
    walsenders: walsenders.map((one): Walsender => ({
      application_name: one['application_name'] ?? '',
      state: one['state'] ?? '',
      slot_type: one['slot_type'] ?? null,
      slot_name: one['slot_name'] ?? null,
    })),
    transactions: transactions.map((one) => ({
      pid: one['pid'] ?? '',
      user: one['usename'] ?? '',
      seconds: Number(one['seconds'] ?? 0),
    })),
  };
}

const CANDIDATE = `
SELECT pg_is_wal_replay_paused() AS paused,
       current_setting('max_replication_slots')::int - (SELECT count(*) FROM pg_replication_slots) AS free_slots,
       current_setting('max_wal_senders')::int - (SELECT count(*) FROM pg_stat_replication) AS free_walsenders,
       current_setting('synchronous_standby_names') AS sync_names`;

/** What the candidate says of itself before it takes over; the reason where it does not. */
export async function lookAtCandidate(
  sql: SqlPort,
  candidate: ServerDef,
  signal: AbortSignal,
): Promise<CandidatePreflight | string> {
  const rows = await sql.query(candidate, CANDIDATE, [], { signal });
  if (!rows.ok) return describeFailure(rows.error);
  const [row = {}] = rows.value;
  return {
    replay_paused: row['paused'] === 't',
    free_slots: Number(row['free_slots'] ?? 0),
    free_walsenders: Number(row['free_walsenders'] ?? 0),
    sync_names: row['sync_names'] ?? '',
  };
}
