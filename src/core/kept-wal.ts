import type { LastRecords, TargetWal, WalPosition } from './divergence.js';
import { type Lsn, maxLsn } from './lsn.js';

/**
 * The last record of what is kept of a diverged server's WAL from the fork on; null: not known, so that all of it is kept. A
 * timeline of its own that its control file does not name yet is not read, and without pg_waldump none is.
 */
export function lastKept(target: TargetWal, fork: WalPosition, last: LastRecords): Lsn | null {
  let furthest: Lsn | null = fork.lsn;
  for (const timeline of target.timelines.filter((one) => one >= fork.timeline)) {
    const end = last.get(timeline) ?? null;
    if (end === null) return null;
    furthest = maxLsn(furthest, end);
  }
  return furthest;
}
