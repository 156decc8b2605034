import { VIGIL_MS } from './limits.js';
import type { ServerObservation } from './observation.js';
import { canMeanDown } from './situation.js';

/** One look at a server that is asked again and again. */
export interface VigilLook {
  /** Milliseconds since the epoch. */
  readonly began: number;
  /** What it came to; null: it has no answer yet. */
  readonly seen: ServerObservation | null;
}

/** How late the next look may begin on a busy host, milliseconds. */
const SLACK_MS = 500;

/**
 * What a fresh look at this server would come to, as far as that is known by now: its answer, or the silence of a look that had all
 * its time (`patience`) until a moment ago, with newer ones under way. Null: a look must be made. One that fails at once must,
 * too: its failure is old at once, and the next costs nothing.
 */
export function knownOf(looks: readonly VigilLook[], now: number, patience: number): ServerObservation | null {
  const ended = looks.flatMap(({ seen }) => seen ?? []);
  const answered = ended.findLast((seen) => !canMeanDown(seen));
  if (answered !== undefined) return answered;
  const [last, newest] = [ended.at(-1), looks.at(-1)];
  if (last === undefined || newest === undefined) return null;
  const asked = now - newest.began <= VIGIL_MS + SLACK_MS && newest.began > last.at;
  const whole = last.took >= VIGIL_MS;
  const fresh = now - last.at <= patience + VIGIL_MS + SLACK_MS;
  return asked && whole && fresh ? last : null;
}
