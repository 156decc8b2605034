import type { Pause } from './model.js';

/** Whether automatic action is paused at this time, milliseconds since the epoch. */
export function isPaused(pause: Pause | null, now: number): pause is Pause {
  return pause !== null && (pause.until === null || now < Date.parse(pause.until));
}
