import { type Lsn, maxLsn } from './lsn.js';
import type { SqlFacts } from './observation.js';

/** The last record of a master that was shut down cleanly. */
export interface ShutdownCheckpoint {
  readonly timeline: number;
  /** Where the record begins ("pg_controldata": latest checkpoint location). */
  readonly lsn: Lsn;
}

const PAGE = 8192n;

/**
 * Whether a candidate holds everything that a master wrote, its shutdown checkpoint included. Replayed past the beginning of
 * that record, it has the whole record. Received past it is enough too, save where the received WAL ends at a page's
 * border: a record that crosses it may have come in part.
 */
export function holdsShutdown(facts: SqlFacts | null, { timeline, lsn }: ShutdownCheckpoint): boolean {
  if (facts?.in_recovery !== true || facts.timeline !== timeline) return false;
  const { receive_lsn: received, replay_lsn: replayed } = facts;
  if (replayed !== null && replayed > lsn) return true;
  return received !== null && received > lsn && received % PAGE !== 0n;
}

/** How far a candidate is, for a message. */
export function reached(facts: SqlFacts | null): Lsn | null {
  return facts === null ? null : maxLsn(facts.receive_lsn, facts.replay_lsn);
}
