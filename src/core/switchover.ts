import { type Fitness, judgeFitness } from './eligibility.js';
import type { Candidate } from './model.js';
import type { SwitchoverPlan } from './plan.js';
import { type Select, rank } from './rank.js';
import { type Situation, enabledReplicas } from './situation.js';

/** Who takes over from a master that lives, or why nobody can. */
export type SwitchoverChoice =
  | { readonly kind: 'plan'; readonly plan: SwitchoverPlan; readonly fitness: readonly Fitness[] }
  | { readonly kind: 'nobody'; readonly why: string; readonly fitness: readonly Fitness[] };

/** Chooses the new master among the fit replicas, as a failover would, and lays down what is done with the others. */
export function planSwitchover(s: Situation, master: string, select: Select): SwitchoverChoice {
  const fitness = judgeFitness(s);
  const best: Candidate | undefined = rank(fitness, select)[0];
  if (best === undefined) {
    const reasons = fitness.map(
      (one) => `${one.server}: ${one.unfit.map(({ text }) => text).join(', ') || 'left out'}`,
    );
    return { kind: 'nobody', why: reasons.length === 0 ? 'there is no replica' : reasons.join('; '), fitness };
  }
  const others = enabledReplicas(s.state).filter(
    (name) => name !== best.server && s.servers[name]?.facts?.in_recovery === true,
  );
  const plan = {
    old_master: master,
    new_master: best.server,
    others,
    connection_method: s.policy.connection_failover_method,
    remaster: s.policy.remaster && s.on_demand?.no_remaster !== true,
  };
  return { kind: 'plan', plan, fitness };
}
