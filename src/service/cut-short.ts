import type { Session } from './session.js';

/**
 * Looking that is given up when the master misses a heartbeat meanwhile: what is asked of it would wait for all its time-outs, and only
 * then would the round begin that doubts it. Nothing is lost with it: that round sees for itself. What has begun to doubt the master,
 * to be kept or to act is never given up.
 */
export interface CutShort {
  /** For what may be given up: it is aborted then. */
  readonly session: Session;
  /** What the work comes to; null: it was given up, and is not waited for. */
  unless<T>(work: Promise<T>): Promise<T | null>;
  /** From now on nothing is given up. False: it was already. */
  settle(): boolean;
}

/** `alarm`: null where nobody watches the master; then nothing is given up. */
export function cutShort(session: Session, alarm: AbortSignal | null): CutShort {
  const given_up = new AbortController();
  let settled = false;
  const giveUp = (): void => {
    if (!settled) given_up.abort();
  };
  if (alarm === null) return { session, unless: (work) => work, settle: () => true };
  if (alarm.aborted) giveUp();
  else alarm.addEventListener('abort', giveUp, { once: true });
  const over = new Promise<null>((resolve) => {
    const end = (): void => resolve(null);
    if (given_up.signal.aborted) end();
    else given_up.signal.addEventListener('abort', end, { once: true });
  });
  return {
    session: session.until(given_up.signal),
    unless: (work) => Promise.race([work, over]),
    settle: () => {
      settled = true;
      alarm.removeEventListener('abort', giveUp);
      return !given_up.signal.aborted;
    },
  };
}
