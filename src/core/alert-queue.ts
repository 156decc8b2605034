import type { Alert } from './alert.js';

/** An alert that one method has still to send. Times in ISO 8601. */
export interface QueuedAlert {
  readonly method: string;
  readonly alert: Alert;
  /** How often it was tried in vain. */
  readonly tries: number;
  /** A run is sending it, and has until then; null: nobody is. */
  readonly claimed: string | null;
}

/** How a method does: only one that failed is remembered. Times in ISO 8601. */
export interface MethodTrouble {
  readonly method: string;
  readonly failures: number;
  readonly tried: string;
  /** Not before this is it tried again, unless there is something new to send. */
  readonly retry: string;
}

export interface Queue {
  readonly queue: readonly QueuedAlert[];
  readonly troubles: readonly MethodTrouble[];
}

/** What came of one method's turn. */
export interface Turn {
  readonly method: string;
  /** Ids of the alerts that were claimed for it, and of those that went out. */
  readonly taken: readonly string[];
  readonly sent: readonly string[];
  /** The one at which it failed; null: it did not. */
  readonly failed: string | null;
}

/** The newest are kept, for each method. */
const MOST = 100;
/** What could not be sent for so long helps nobody. Milliseconds. */
const OLDEST = 24 * 3_600_000;
/** One that failed so often goes last: it may be what the receiver does not take. */
const STUBBORN = 5;
const FIRST_RETRY = 30_000;
const LAST_RETRY = 600_000;

/**
 * Adds alerts for each method. A repeat takes the place of one that was not sent yet; what is too old, too much, or for a method
 * that is no longer configured goes.
 */
export function enqueue(before: Queue, alerts: readonly Alert[], methods: readonly string[], now: number): Queue {
  const wanted = new Set(methods);
  const kept = before.queue.filter(
    ({ method, alert, claimed }) =>
      wanted.has(method) &&
      now - Date.parse(alert.at) < OLDEST &&
      !(claimed === null && alert.kind === 'repeat' && alerts.some((one) => one.subject === alert.subject)),
  );
  const queue = methods.flatMap((method) => [
    ...kept.filter((one) => one.method === method),
    ...alerts.map((alert) => ({ method, alert, tries: 0, claimed: null })),
  ]);
  return {
    queue: methods.flatMap((method) => queue.filter((one) => one.method === method).slice(-MOST)),
    troubles: before.troubles.filter(({ method }) => wanted.has(method)),
  };
}

/** What is to be sent now, in this order, by each method; it is marked as being sent for `lease` milliseconds. */
export function claim(
  before: Queue,
  now: number,
  lease: number,
): { readonly queue: Queue; readonly due: readonly QueuedAlert[] } {
  const due = before.queue.filter((one) => isFree(one, now) && isTurn(before, one.method, now));
  const claimed = new Date(now + lease).toISOString();
  const queue = before.queue.map((one) => (due.includes(one) ? { ...one, claimed } : one));
  const stubborn = ({ tries }: QueuedAlert): number => (tries < STUBBORN ? 0 : 1);
  return { queue: { ...before, queue }, due: due.toSorted((a, b) => stubborn(a) - stubborn(b)) };
}

/** What is left after the methods had their turns. */
export function settle(before: Queue, turns: readonly Turn[], now: number): Queue {
  return turns.reduce((queue, turn) => settleTurn(queue, turn, now), before);
}

function settleTurn({ queue, troubles }: Queue, { method, taken, sent, failed }: Turn, now: number): Queue {
  const left = queue.flatMap((one): QueuedAlert[] => {
    if (one.method !== method || !taken.includes(one.alert.id)) return [one];
    if (sent.includes(one.alert.id)) return [];
    return [{ ...one, claimed: null, tries: one.tries + (one.alert.id === failed ? 1 : 0) }];
  });
  const others = troubles.filter((one) => one.method !== method);
  if (failed === null) return { queue: left, troubles: others };
  const failures = (troubles.find((one) => one.method === method)?.failures ?? 0) + 1;
  const retry = now + Math.min(FIRST_RETRY * 2 ** (failures - 1), LAST_RETRY);
  const trouble = { method, failures, tried: new Date(now).toISOString(), retry: new Date(retry).toISOString() };
  return { queue: left, troubles: [...others, trouble] };
}

function isFree({ claimed }: QueuedAlert, now: number): boolean {
  return claimed === null || now >= Date.parse(claimed);
}

/** A method in trouble waits longer and longer, but what is new is tried at once. */
function isTurn({ queue, troubles }: Queue, method: string, now: number): boolean {
  const trouble = troubles.find((one) => one.method === method);
  if (trouble === undefined || now >= Date.parse(trouble.retry) || now < Date.parse(trouble.tried)) return true;
  return queue.some((one) => one.method === method && one.tries === 0 && one.alert.at > trouble.tried);
}
