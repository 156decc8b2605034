import { setTimeout as sleep } from 'node:timers/promises';

export interface WaitOptions {
  /** Milliseconds; 0 asks once. */
  readonly deadline: number;
  /** Milliseconds between two questions. */
  readonly every: number;
  readonly signal: AbortSignal;
}

/** Asks until the answer is yes or the deadline is over; aborting answers no. */
export async function waitFor(condition: () => Promise<boolean>, options: WaitOptions): Promise<boolean> {
  const end = performance.now() + options.deadline;
  for (;;) {
    if (await condition()) return true;
    if (options.signal.aborted || performance.now() >= end) return false;
    await pause(options.every, options.signal);
  }
}

/** Sleeps, or wakes early when aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
