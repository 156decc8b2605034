import { type Fitness, judgeFitness } from '../core/eligibility.js';
import { formatLsn } from '../core/lsn.js';
import { type Loss, assessLoss, describeFailoverLoss, describeLoss, exceedsLimit } from '../core/loss.js';
import type { Candidate, Operation, ServerDef } from '../core/model.js';
import type { ServerObservation } from '../core/observation.js';
import { fail } from '../core/outcome.js';
import { rank } from '../core/rank.js';
import type { Situation } from '../core/situation.js';
import { type Actor, type StepInput, type StepResult, serverDef } from './actor.js';

/** Chooses the new master from the candidates' final positions, judged by the same rules that made the decision. */
export async function choose(
  { actor, operation, situation }: StepInput,
  step: { readonly candidates: readonly Candidate[] },
): Promise<StepResult> {
  if (situation === null) {
    return abort('the choice cannot be made from an earlier run’s observations');
  }
  const defs = step.candidates.flatMap((one) => serverDef(actor, one.server) ?? []);
  const fresh = await lookAtAll(actor, defs);
  const now: Situation = {
    ...situation,
    now: actor.now(),
    state: { ...situation.state, operation },
    servers: { ...situation.servers, ...fresh },
  };
  const fitness = judgeFitness(now);
  const ranked = rank(fitness, actor.select);
  const [best] = ranked;
  if (best === undefined) return abort(`no candidate is fit any more (${reasons(fitness)})`);
  const loss = assessLoss(now, best, fitness);
  const tooMuch = situation.on_demand?.force === true ? null : exceedsLimit(loss, situation.policy.max_data_loss);
  if (tooMuch !== null) return abort(tooMuch);
  return {
    kind: 'done',
    note: `${best.server}, at ${ranked.map((one) => `${one.server} ${formatLsn(one.lsn)}`).join(', ')}`,
    operation: (one) => ({ ...one, new_master: best.server, loss: describe(loss, one) }),
  };
}

/** With what comes to it where the fencing is owed by now. */
function describe(loss: Loss, { old_master, steps }: Operation): string {
  const fence = steps.map(({ step }) => step).find((step) => step.kind === 'fence_old_master');
  return fence === undefined ? describeLoss(loss) : describeFailoverLoss(loss, old_master, fence.way);
}

async function lookAtAll(actor: Actor, defs: readonly ServerDef[]): Promise<Record<string, ServerObservation>> {
  const looks = await Promise.all(defs.map((def) => actor.look(def)));
  return Object.fromEntries(looks.map((seen) => [seen.server, seen]));
}

function reasons(fitness: readonly Fitness[]): string {
  return fitness.map((one) => `${one.server}: ${one.unfit.map(({ text }) => text).join(', ')}`).join('; ');
}

function abort(message: string): StepResult {
  return { kind: 'abort', error: fail('step_failed', message, { hint: 'the next check decides anew' }).error };
}
