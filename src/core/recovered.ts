import { type Failure, fail } from './outcome.js';
import type { Decision } from './decision.js';
import { type Situation, recordedMaster } from './situation.js';

/**
 * A saved state that was recovered from a copy may be older than the last change of master: a replica that fell out keeps the row
 * that it had. It is believed once its master is seen to be one, or a promotion by hand is proved; an operator vouches for it.
 * Why it is not believed yet, or null.
 */
export function refuseRecovered(s: Situation, decision: Decision): Failure | null {
  if (s.on_demand !== null || decision.diagnosis.kind === 'promoted_by_hand') return null;
  const { reach, facts } = s.servers[recordedMaster(s.state) ?? ''] ?? { reach: null, facts: null };
  if (reach?.kind === 'accepting' && facts?.in_recovery !== true) return null;
  const copy = `there is no saved state here, and the copy in the cluster table is of ${s.state.updated}`;
  return fail('state_unreadable', `${copy}: it may not know the last change of master; and ${decision.details}`, {
    hint: 'record the master that lives with `handyrep adopt`, or bring that one up, or recover servers.save; or, when you know that it was the master, `handyrep failover`',
  }).error;
}
