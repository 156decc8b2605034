import type { Report } from '../report/report.js';
import { withSession } from './failover-check.js';
import type { Reach } from './open.js';
import { refuseCandidate } from './promote.js';
import type { CheckReport } from './reports.js';

export interface FailoverOptions {
  /** Whom to promote; absent: the selection method chooses. */
  readonly to?: string;
  /** Go on although the preflight found something, or more would be lost than max_data_loss allows. */
  readonly force?: boolean;
  /** Leave the other replicas as they are. */
  readonly no_remaster?: boolean;
  readonly dry_run?: boolean;
}

/**
 * Moves the master's part on an operator's word. A master that lives hands over, and nothing that was acknowledged is lost;
 * one that is lost is replaced by the rules of an automatic failover.
 */
export async function failover(
  reach: Reach,
  lock_wait: number,
  { to, force = false, no_remaster = false, dry_run = false }: FailoverOptions,
): Promise<CheckReport | Report> {
  const done = await withSession(reach, { command: 'failover', lock_wait, silent: dry_run }, (session) => {
    const refusal = to === undefined ? null : refuseCandidate(session, to);
    if (refusal !== null) return refusal;
    return { verify: false, dry_run, planned: true, on_demand: { to: to ?? null, force, no_remaster } };
  });
  // An operator who asked for an act is told that it was refused, not that a check failed.
  if (!('decision' in done) || done.exit_code !== 1 || done.operation !== null) return done;
  return done.decision.action === 'none' ? { ...done, exit_code: 4 } : done;
}
