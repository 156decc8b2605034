import { setTimeout as sleep } from 'node:timers/promises';

/** Asks again and again until the condition gives something true; throws at the deadline with what was waited for. */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  { deadline, what, every = 20 }: { deadline: number; what: string; every?: number },
): Promise<NonNullable<T>> {
  const until = performance.now() + deadline;
  let last: unknown = null;
  for (;;) {
    try {
      const value = await condition();
      if (value !== null && value !== undefined && value !== false) return value;
    } catch (error) {
      last = error;
    }
    if (performance.now() > until) {
      const reason = last === null ? '' : `: ${last instanceof Error ? last.message : JSON.stringify(last)}`;
      throw new Error(`waited ${deadline.toString()} ms in vain for ${what}${reason}`);
    }
    await sleep(every);
  }
}
