import type { JournalledStep, Operation } from './model.js';
import { isPastPromotion } from './plan.js';
import type { ServerObservation } from './observation.js';
import { acceptsWrites, describeReach, mayWrite } from './situation.js';

/** What to do with an operation that a run left unfinished. */
export type Resumption =
  /** Go on with these steps: what was begun is judged by what is seen, and not blindly repeated. */
  | {
      readonly kind: 'forward';
      readonly operation: Operation;
      /** The server takes writes already; else it is asked again. */
      readonly promoted: boolean;
      readonly why: string;
    }
  /** Nobody was promoted: undo, and decide anew. */
  | { readonly kind: 'roll_back'; readonly why: string }
  /** This server was asked, and must not promote itself any more: it is made to forget it, then all is undone. */
  | { readonly kind: 'take_back'; readonly server: string; readonly why: string }
  /** It cannot be told yet: change nothing, look again. */
  | { readonly kind: 'wait'; readonly why: string };

/**
 * Judges an unfinished operation by a fresh look at the server that was being promoted, and at the old master, which may have
 * come back since it was fenced by its power, or not at all.
 */
export function resume(operation: Operation, servers: Readonly<Record<string, ServerObservation>>): Resumption {
  const { new_master: chosen, steps } = operation;
  if (!isPastPromotion(steps) || chosen === null) {
    return { kind: 'roll_back', why: 'no server had been asked to promote itself' };
  }
  const seen = servers[chosen];
  if (seen?.reach.kind !== 'accepting' || seen.facts === null) {
    const how = seen === undefined ? 'was not looked at' : `answers: ${seen.reach.kind} ${seen.reach.detail}`;
    return {
      kind: 'wait',
      why: `${chosen} was asked to promote itself, and cannot be asked what became of it (${how})`,
    };
  }
  if (!seen.facts.in_recovery) {
    const settled = steps.map((one) => (one.step.kind === 'promote' ? settle(one, 'found promoted') : reopen(one)));
    const why = `${chosen} has been promoted`;
    return { kind: 'forward', operation: { ...operation, steps: settled }, promoted: true, why };
  }
  const asked = `${chosen} was asked to promote itself and is still in recovery`;
  const old = servers[operation.old_master];
  if (old !== undefined && mayWrite(old)) {
    const why = `${asked}, and ${describeReach(old)} may take writes again`;
    return acceptsWrites(old) ? { kind: 'take_back', server: chosen, why } : { kind: 'wait', why };
  }
  const reopened = steps.map((one) => (one.state === 'done' || one.state === 'skipped' ? one : open(one)));
  const why = `${asked}: it is asked again`;
  return { kind: 'forward', operation: { ...operation, steps: reopened }, promoted: false, why };
}

/** Steps behind the promotion may be done twice without harm; those that were only begun are done again. */
function reopen(one: JournalledStep): JournalledStep {
  return one.state === 'begun' ? open(one) : one;
}

function open(one: JournalledStep): JournalledStep {
  return { ...one, state: 'pending', begun: null, ended: null };
}

function settle(one: JournalledStep, note: string): JournalledStep {
  return one.state === 'done' ? one : { ...one, state: 'done', note };
}
