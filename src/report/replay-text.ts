import type { Colors } from './colors.js';
import type { Replayed } from '../core/replay.js';
import { sanitize } from './sanitize.js';
import { wrap } from './wrap.js';

/** The decisions that would be other ones, each with what is different; with `verbose` also those that are the same. */
export function replayText(
  decisions: readonly Replayed[],
  { color, width, verbose }: { readonly color: Colors; readonly width: number; readonly verbose: boolean },
): string {
  return decisions
    .filter((one) => verbose || !one.same)
    .map((one) => {
      const head = `${color.bold(one.name)}  ${one.command}  ${one.ts}  ${one.same ? color.green('same') : color.red('different')}`;
      if (one.same) return [head, wrap(`  ${sanitize(one.was.details)}`, width)].join('\n');
      return [
        head,
        wrap(`  was: ${sanitize(one.was.details)}`, width, 5),
        wrap(`  now: ${sanitize(one.now.details)}`, width, 5),
        ...one.differences.map(({ field, was, now }) =>
          wrap(`    ${field}: ${sanitize(was)} -> ${sanitize(now)}`, width),
        ),
      ].join('\n');
    })
    .join('\n');
}
