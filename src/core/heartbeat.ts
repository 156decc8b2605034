import { walfileTimeline } from './facts.js';
import { parseLsn } from './lsn.js';
import type { Heartbeat } from './observation.js';
import { type Situation, recordedMaster } from './situation.js';

/**
 * Asked again and again on a session that is held on the master: touches no disk and no lock that a query of others holds. Where the
 * master is in recovery after all, it gives no position.
 */
export const HEARTBEAT_SQL = `/* heartbeat */
SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_lsn() END AS lsn,
       CASE WHEN NOT pg_is_in_recovery() THEN pg_walfile_name(pg_current_wal_lsn()) END AS walfile`;

/** The first one on a session tells of which system the server is, too: that session is one of it for as long as it lives. */
export const FIRST_HEARTBEAT_SQL = `${HEARTBEAT_SQL},
       (SELECT system_identifier FROM pg_control_system()) AS system_identifier`;

/** Parses a row of {@link HEARTBEAT_SQL}; null where it tells no position of a master. */
export function parseHeartbeat(
  row: Readonly<Record<string, string | null>>,
): Pick<Heartbeat, 'timeline' | 'lsn'> | null {
  const lsn = row['lsn'] == null ? null : parseLsn(row['lsn']);
  const timeline = walfileTimeline(row['walfile']);
  return lsn === null || timeline === null ? null : { timeline, lsn };
}

/**
 * The heartbeat, where it is of the recorded master and goes on from where that was last on record: same system, same timeline, not
 * behind. Anything else is not explained by time going on, and nothing is built on it.
 */
export function believedHeartbeat(s: Situation): Heartbeat | null {
  const { heartbeat, state } = s;
  if (heartbeat === undefined) return null;
  if (heartbeat.server !== recordedMaster(state)) return null;
  if (heartbeat.system_identifier !== state.system_identifier) return null;
  const { master_position: last } = state;
  if (last?.server !== heartbeat.server || last.timeline !== heartbeat.timeline) return null;
  return heartbeat.lsn < last.lsn ? null : heartbeat;
}
