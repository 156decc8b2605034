import { roughDuration } from '../core/duration.js';
import type { RunTiming } from '../core/timings.js';

/** A table: what a run meets, and how long it can last at most; with `verbose` what that is made of. */
export function timingsText(timings: readonly RunTiming[], verbose: boolean): string {
  const names = timings.map(({ run, when }) => (when === '' ? run : `${run}: ${when}`));
  const width = Math.max(...names.map((name) => name.length));
  return timings
    .flatMap(({ at_most, parts }, index) => [
      `${(names[index] ?? '').padEnd(width)}  ${inWords(at_most)}`,
      ...(verbose ? parts.map(({ what, ms }) => `    ${inWords(ms).padStart(10)}  ${what}`) : []),
    ])
    .join('\n');
}

function inWords(ms: number): string {
  return roughDuration(1000 * Math.ceil(ms / 1000));
}
