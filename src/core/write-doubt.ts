import type { ServerStatus } from './model.js';
import type { ServerObservation } from './observation.js';

/** A look takes milliseconds; one that takes this long and is answered smells of a disk that hangs, milliseconds. */
const SLOW_MS = 1000;

/**
 * Whether a master that answers is to prove that it still acknowledges writes: it was down when it was last looked at (of
 * nothing but a write, perhaps), or it took long to answer. Not always: a write every few seconds keeps an idle server awake.
 */
export function doubtsWrites(last: ServerStatus, seen: ServerObservation): boolean {
  if (seen.reach.kind !== 'accepting' || seen.facts?.in_recovery === true || seen.facts?.read_only === true)
    return false;
  return last.status === 'down' || seen.took > SLOW_MS;
}
