import type { Failure } from '../core/outcome.js';
import { refuseRecovered } from '../core/recovered.js';
import { type Report, failed } from '../report/report.js';
import { contradictions } from './memory.js';
import type { Decided } from './round.js';
import type { Session } from './session.js';

/** Where the record and the live cluster disagree about who is master. */
export const ADOPT_HINT =
  'take what is live for the truth with `handyrep adopt`, which shows it and asks; or correct the roles in the configuration, then run `handyrep verify`';

/** What was seen of a look that was broken off proves nothing: it is not kept. */
export function interrupted(): Report {
  return failed(INTERRUPTED);
}

const INTERRUPTED: Failure = {
  code: 'aborted',
  message: 'interrupted while looking: nothing was decided and nothing was changed',
};

/** After ctrl-C a look that failed is no reason: it would send the operator after a fault that is not there. */
export function reasonOf({ signal }: Session, failure: Failure): Failure {
  return signal.aborted ? INTERRUPTED : failure;
}

/** Nothing was ever saved here: the state is the configuration, or a copy, and this run has not saved it yet. */
export function isUnproved({ source, opened_with, state }: Session): boolean {
  return source !== 'file' && state.current().generation === opened_with;
}

/**
 * Without any saved state a copy in the cluster table, or the configuration, is all there is to believe. Where the live cluster
 * contradicts it, or its master does not answer, HandyRep refuses to act and keeps nothing: the next run compares again.
 */
export function contradictionReport(session: Session, { situation, decision }: Decided): Report | null {
  if (!isUnproved(session)) return null;
  if (session.source === 'table') {
    const refusal = refuseRecovered(situation, decision);
    return refusal === null ? null : failed(refusal);
  }
  const found = contradictions(situation.state, situation.servers);
  if (found.length > 0) {
    return failed({
      code: 'unsafe',
      message: `there is no saved state, and the configuration contradicts the live cluster: ${found.join('; ')}`,
      hint: ADOPT_HINT,
    });
  }
  if (decision.diagnosis.kind === 'master_healthy') return null;
  return failed({
    code: 'state_unreadable',
    message: `there is no saved state to compare with, and ${decision.details}`,
    hint:
      decision.hint ??
      'bring the master up, record another one that lives with `handyrep adopt`, or recover servers.save; then run `handyrep verify`',
  });
}
