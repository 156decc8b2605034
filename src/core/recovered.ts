import { type Failure, fail } from './outcome.js';
import type { Decision } from './decision.js';
import { type Situation, describeReach, enabledReplicas, recordedMaster } from './situation.js';

/**
 * A saved state that was recovered from a copy may be older than the last change of master: a replica that fell out keeps the row
 * that it had. It is believed once its master is seen to be one, or a promotion by hand is proved. An operator vouches for its
 * master; that none of its replicas was promoted since, each of them has to show, unless he insists.
 * Why it is not believed yet, or null.
 */
export function refuseRecovered(s: Situation, decision: Decision): Failure | null {
  if (decision.diagnosis.kind === 'promoted_by_hand') return null;
  const { reach, facts } = s.servers[recordedMaster(s.state) ?? ''] ?? { reach: null, facts: null };
  if (reach?.kind === 'accepting' && facts?.in_recovery !== true) return null;
  const copy = `there is no saved state here, and the copy in the cluster table is of ${s.state.updated}: it may not know the last change of master`;
  if (s.on_demand === null) {
    return fail('state_unreadable', `${copy}; and ${decision.details}`, {
      hint: 'record the master that lives with `handyrep adopt`, or bring that one up, or recover servers.save; or, when you know that it was the master, `handyrep failover`',
    }).error;
  }
  const unseen = enabledReplicas(s.state).filter((name) => s.servers[name]?.facts?.in_recovery !== true);
  if (s.on_demand.force || unseen.length === 0) return null;
  const seen = unseen.map((name) => {
    const one = s.servers[name];
    return one === undefined ? `${name} was not looked at` : describeReach(one);
  });
  return fail(
    'unsafe',
    `${copy}, and a server that may have been promoted since is not seen to be a replica (${seen.join('; ')})`,
    {
      hint: 'bring it up, or record the master that lives with `handyrep adopt`; or make sure that it is off and stays off, and say --force',
    },
  ).error;
}
