import type { Operation, SavedState } from './model.js';
import { type Failure, type Outcome, fail, ok } from './outcome.js';
import { isPastPromotion } from './plan.js';
import type { Resumption } from './resume.js';
import { addHistory, historyEntry } from './saved.js';

/** What giving up an unfinished operation comes to. */
export type Abandonment =
  /** Nobody was asked to promote itself: it is undone, and nothing is lost by that. */
  | { readonly kind: 'roll_back'; readonly why: string }
  /** The new master is on record already: only the steps behind that are left out. */
  | { readonly kind: 'leave_out'; readonly why: string }
  /** A server was asked, and nobody waits for its answer any more: it may still come back as a master. */
  | { readonly kind: 'give_up'; readonly server: string; readonly why: string };

/** Judges what may be given up, by what is seen of it. The only server that takes writes is not given up. */
export function judgeAbandonment(operation: Operation, judged: Resumption): Outcome<Abandonment> {
  const { new_master: chosen, id } = operation;
  if (chosen === null || !isPastPromotion(operation.steps)) {
    return ok({ kind: 'roll_back', why: 'no server had been asked to promote itself' });
  }
  if (isRecorded(operation)) return ok({ kind: 'leave_out', why: `${chosen} is recorded as the master already` });
  if (judged.kind === 'forward' && judged.promoted) {
    return fail('unsafe', `${id} cannot be given up: ${chosen} has been promoted and accepts writes`, {
      server: chosen,
      hint: 'finish it with `handyrep resolve --finish`',
    });
  }
  return ok({ kind: 'give_up', server: chosen, why: judged.why });
}

/** The change of master was written down: what is left can be done by hand. */
function isRecorded({ steps }: Operation): boolean {
  return steps.some(({ step, state }) => step.kind === 'record' && state === 'done');
}

/** What an operator must say yes to; null: it may be done without. */
export function abandonQuestion(operation: Operation, abandonment: Abandonment): string | null {
  switch (abandonment.kind) {
    case 'roll_back':
      return null;
    case 'leave_out':
      return `${operation.id} is given up: ${abandonment.why}, and the steps behind that are not done`;
    case 'give_up':
      return `${operation.id} is given up: ${abandonment.why}; ${abandonment.server} is disabled and stopped, now or when it comes back as a master`;
  }
}

/**
 * The state after an operation was given up. A server that was asked to promote itself is kept as a disabled former master
 * with its fencing owed: whenever it takes writes it is stopped.
 */
export function withAbandoned(
  state: SavedState,
  operation: Operation,
  { abandonment, at }: { readonly abandonment: Abandonment; readonly at: string },
): SavedState {
  const details = `given up: ${abandonment.why}`;
  const history = addHistory(state.history, historyEntry(operation, { ended: at, result: 'FAIL', details }));
  const closed = { ...state, operation: null, history };
  const server = abandonment.kind === 'give_up' ? state.servers[abandonment.server] : undefined;
  if (server === undefined) return closed;
  const { name } = server.def;
  const reason = `${operation.id} was ${details}`;
  const former = { server: name, since: at, reason, timeline: null, fenced: null, rejoin_failures: 0 };
  return {
    ...closed,
    servers: { ...state.servers, [name]: { ...server, def: { ...server.def, enabled: false } } },
    former_masters: [...state.former_masters.filter((one) => one.server !== name), former],
  };
}

/** Why there is nothing to give up or finish here and now. */
export function notResumable(details: string, hint: string | null): Failure {
  return fail('unsafe', `the unfinished operation is not touched: ${details}`, { hint: hint ?? undefined }).error;
}
