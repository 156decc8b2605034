import { type Fitness, judgeFitness } from './eligibility.js';
import { formatLsn } from './lsn.js';
import { mayComeBack } from './journal.js';
import { type Loss, assessLoss, exceedsLimit } from './loss.js';
import type { ServerObservation } from './observation.js';
import { type Outcome, fail, ok } from './outcome.js';
import { type Select, rank } from './rank.js';
import { type Situation, describeReach, mayWrite } from './situation.js';

/** Who is promoted, by final positions, and what that gives up. */
export interface Choice {
  readonly server: string;
  readonly loss: Loss;
  readonly note: string;
}

/** Chooses from a fresh look, by the same rules of fitness, ranking and loss that made the decision. */
export function chooseNow(s: Situation, select: Select): Outcome<Choice> {
  const back = oldMasterIsBack(s);
  if (back !== null) return refuse(`${describeReach(back)}: the old master is back, and nobody is promoted beside it`);
  const fitness = judgeFitness(s);
  const ranked = rank(fitness, select);
  const [best] = ranked;
  if (best === undefined) return refuse(`no candidate is fit any more (${reasons(fitness)})`);
  const loss = assessLoss(s, best, fitness);
  const tooMuch = s.on_demand?.force === true ? null : exceedsLimit(loss, s.policy.max_data_loss);
  if (tooMuch !== null) return refuse(tooMuch);
  const note = `${best.server}, at ${ranked.map((one) => `${one.server} ${formatLsn(one.lsn)}`).join(', ')}`;
  return ok({ server: best.server, loss, note });
}

function oldMasterIsBack({ state, servers }: Situation): ServerObservation | null {
  const { operation } = state;
  const seen = operation !== null && mayComeBack(operation) ? servers[operation.old_master] : undefined;
  return seen !== undefined && mayWrite(seen) ? seen : null;
}

function reasons(fitness: readonly Fitness[]): string {
  return fitness.map((one) => `${one.server}: ${one.unfit.map(({ text }) => text).join(', ')}`).join('; ');
}

function refuse(message: string): Outcome<never> {
  return fail('step_failed', message, { hint: 'the next check decides anew' });
}
