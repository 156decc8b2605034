import { chooseNow } from '../core/choice.js';
import { mayComeBack } from '../core/journal.js';
import { type Loss, describeFailoverLoss, describeLoss } from '../core/loss.js';
import type { Candidate, Operation, ServerDef } from '../core/model.js';
import type { ServerObservation } from '../core/observation.js';
import { fail } from '../core/outcome.js';
import { type Actor, type StepInput, type StepResult, lookOrKnown, serverDef } from './actor.js';

/** Chooses the new master from the candidates' final positions. */
export async function choose(
  { actor, operation, situation }: StepInput,
  step: { readonly candidates: readonly Candidate[] },
): Promise<StepResult> {
  if (situation === null) {
    const hint = 'the next check decides anew';
    const { error } = fail('step_failed', 'the choice cannot be made from an earlier run’s observations', { hint });
    return { kind: 'abort', error };
  }
  const names = step.candidates.map(({ server }) => server);
  if (mayComeBack(operation)) names.push(operation.old_master);
  const defs = names.flatMap((name) => serverDef(actor, name) ?? []);
  const fresh = await lookAtAll(actor, defs);
  const state = { ...situation.state, operation };
  const servers = { ...situation.servers, ...fresh };
  // The loss is told until the decision: by then the master was gone, and our clock may have jumped since.
  const choice = chooseNow({ ...situation, state, servers }, actor.select);
  if (!choice.ok) return { kind: 'abort', error: choice.error };
  const { server, loss, note } = choice.value;
  return {
    kind: 'done',
    note,
    operation: (one) => ({ ...one, new_master: server, loss: describe(loss, one) }),
  };
}

/** With what comes to it where the fencing is owed by now. */
function describe(loss: Loss, { old_master, steps }: Operation): string {
  const fence = steps.map(({ step }) => step).find((step) => step.kind === 'fence_old_master');
  return fence === undefined ? describeLoss(loss) : describeFailoverLoss(loss, old_master, fence.way);
}

async function lookAtAll(actor: Actor, defs: readonly ServerDef[]): Promise<Record<string, ServerObservation>> {
  const looks = await Promise.all(defs.map((def) => lookOrKnown(actor, def)));
  return Object.fromEntries(looks.map((seen) => [seen.server, seen]));
}
