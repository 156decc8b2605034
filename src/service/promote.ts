import { unknownServer } from '../core/unknown-server.js';
import { type Report, failed } from '../report/report.js';
import { withSession } from './failover-check.js';
import type { Reach } from './open.js';
import type { CheckReport } from './reports.js';
import type { Session } from './session.js';

export interface PromoteOptions {
  readonly force?: boolean;
  readonly dry_run?: boolean;
}

/**
 * Promotes a replica in place of a master that is lost: the same rules and steps as an automatic failover, with the
 * operator's choice of candidate and without the policies that hold back automatic action.
 */
export async function promote(
  reach: Reach,
  lock_wait: number,
  name: string,
  options: PromoteOptions,
): Promise<CheckReport | Report> {
  const done = await withSession(
    reach,
    { command: `promote ${name}`, lock_wait, silent: options.dry_run === true },
    (session) => {
      const refusal = refuseCandidate(session, name);
      if (refusal !== null) return refusal;
      return {
        verify: false,
        dry_run: options.dry_run === true,
        on_demand: { to: name, force: options.force === true },
      };
    },
  );
  // An operator who asked for an act is told that it was refused, not that a check failed.
  if (!('decision' in done) || done.decision.action !== 'none') return done;
  const details = `${name} was not promoted: ${done.details}`;
  return { ...done, result: 'FAIL', details, exit_code: 4, hint: done.hint ?? notLost(done.decision.diagnosis) };
}

function notLost(diagnosis: string): string {
  return `promote replaces a master that is lost (${diagnosis}); stop the old master first`;
}

/** Why this server cannot be asked for: it does not exist, or is the master. */
export function refuseCandidate(session: Session, name: string): Report | null {
  const { servers } = session.state.current();
  const server = servers[name];
  if (server === undefined) return failed(unknownServer(name, Object.keys(servers)));
  if (server.def.role === 'master' && server.def.enabled) {
    return failed({ code: 'unsafe', message: `${name} is the master already`, hint: 'name a replica' });
  }
  return null;
}
