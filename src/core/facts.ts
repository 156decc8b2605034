import { getValue, parseConninfo } from './conninfo.js';
import { type Lsn, maxLsn, parseLsn } from './lsn.js';
import type { ConnectedStandby, Receiver, SqlFacts } from './observation.js';

/**
 * Everything that a decision wants to know of a server, in one statement that works on a master and on a replica, for
 * PostgreSQL 13 to 18, with `pg_monitor` only. Sources: "System Information Functions", "Recovery Control Functions",
 * "The Cumulative Statistics System".
 */
export const FACTS_SQL = `
SELECT r.in_recovery,
       (SELECT system_identifier FROM pg_control_system()) AS system_identifier,
       current_setting('server_version_num') AS version,
       CASE WHEN NOT r.in_recovery THEN pg_current_wal_lsn() END AS current_lsn,
       CASE WHEN NOT r.in_recovery THEN pg_walfile_name(pg_current_wal_lsn()) END AS walfile,
       CASE WHEN r.in_recovery THEN pg_last_wal_receive_lsn() END AS receive_lsn,
       CASE WHEN r.in_recovery THEN pg_last_wal_replay_lsn() END AS replay_lsn,
       CASE WHEN r.in_recovery THEN pg_is_wal_replay_paused() END AS replay_paused,
       CASE WHEN r.in_recovery
            THEN round(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000) END AS replay_age_ms,
       (SELECT timeline_id FROM pg_control_checkpoint()) AS checkpoint_timeline,
       (SELECT min_recovery_end_timeline FROM pg_control_recovery()) AS recovery_timeline,
       current_setting('default_transaction_read_only') AS read_only,
       current_setting('synchronous_standby_names') AS sync_setting,
       current_setting('synchronous_commit') AS sync_commit,
       current_setting('cluster_name') AS cluster_name,
       w.pid AS receiver_pid, w.status AS receiver_status,
       round(extract(epoch FROM clock_timestamp() - w.last_msg_receipt_time) * 1000) AS receipt_age_ms,
       w.sender_host, w.sender_port, w.slot_name, w.received_tli, w.conninfo AS receiver_conninfo,
       CASE WHEN NOT r.in_recovery THEN
         (SELECT json_agg(json_build_array(s.application_name, s.state, s.sync_state, s.flush_lsn))
            FROM pg_stat_replication s) END AS standbys
  FROM (SELECT pg_is_in_recovery() AS in_recovery) r
  LEFT JOIN pg_stat_wal_receiver w ON true`;

type Row = Readonly<Record<string, string | null>>;

/** Parses the row of {@link FACTS_SQL}; what is absent is null and never guessed. */
export function parseFacts(row: Row): SqlFacts {
  const in_recovery = row['in_recovery'] === 't';
  const receive_lsn = lsn(row['receive_lsn']);
  const replay_lsn = lsn(row['replay_lsn']);
  return {
    in_recovery,
    system_identifier: row['system_identifier'] ?? null,
    timeline: in_recovery ? standbyTimeline(row) : walfileTimeline(row['walfile']),
    version: integer(row['version']),
    // After a restart of a replica the received position stands at a segment's start, behind what it has replayed.
    lsn: in_recovery ? maxLsn(receive_lsn, replay_lsn) : lsn(row['current_lsn']),
    receive_lsn,
    replay_lsn,
    replay_paused: row['replay_paused'] === 't',
    replay_age_ms: integer(row['replay_age_ms']),
    receiver: in_recovery ? receiver(row) : null,
    application_name: in_recovery ? applicationName(row) : null,
    read_only: row['read_only'] === 'on',
    sync: in_recovery ? null : sync(row),
  };
}

function integer(text: string | null | undefined): number | null {
  return text === null || text === undefined || text === '' ? null : Number(text);
}

function lsn(text: string | null | undefined): Lsn | null {
  return text === null || text === undefined ? null : parseLsn(text);
}

/** After a promotion pg_control names the old timeline until a checkpoint; the WAL file's name is right at once. */
export function walfileTimeline(walfile: string | null | undefined): number | null {
  return walfile?.length === 24 ? Number.parseInt(walfile.slice(0, 8), 16) : null;
}

function standbyTimeline(row: Row): number | null {
  const known = [row['received_tli'], row['recovery_timeline'], row['checkpoint_timeline']].map(
    (text) => integer(text) ?? 0,
  );
  const timeline = Math.max(...known);
  return timeline === 0 ? null : timeline;
}

function receiver(row: Row): Receiver {
  if (row['receiver_pid'] == null) return { kind: 'none' };
  if (row['receiver_status'] == null) return { kind: 'hidden' };
  return {
    kind: 'running',
    status: row['receiver_status'],
    receipt_age_ms: integer(row['receipt_age_ms']),
    sender_host: row['sender_host'] ?? null,
    sender_port: integer(row['sender_port']),
    slot_name: row['slot_name'] ?? null,
    timeline: integer(row['received_tli']),
  };
}

/** What the WAL receiver calls itself: its conninfo, else cluster_name, else walreceiver. */
function applicationName(row: Row): string {
  const conninfo = row['receiver_conninfo'] == null ? null : parseConninfo(row['receiver_conninfo']);
  const own = conninfo === null ? null : getValue(conninfo, 'application_name');
  if (own !== null) return own;
  const cluster = row['cluster_name'] ?? '';
  return cluster === '' ? 'walreceiver' : cluster;
}

function sync(row: Row): SqlFacts['sync'] {
  return { setting: row['sync_setting'] ?? '', commit: row['sync_commit'] ?? '', standbys: standbys(row['standbys']) };
}

function standbys(text: string | null | undefined): readonly ConnectedStandby[] {
  const rows: unknown = text == null ? [] : JSON.parse(text);
  if (!Array.isArray(rows)) return [];
  return rows.flatMap((row: unknown): ConnectedStandby[] => {
    if (!Array.isArray(row)) return [];
    const [application_name, state, sync_state, flush_lsn] = row.map((cell) =>
      typeof cell === 'string' ? cell : null,
    );
    // Without pg_read_all_stats only the pid is visible: such a row says nothing.
    if (application_name == null || state == null) return [];
    return [{ application_name, state, sync_state: sync_state ?? '', flush_lsn: lsn(flush_lsn) }];
  });
}
