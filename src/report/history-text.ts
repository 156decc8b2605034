import type { Colors } from './colors.js';
import type { HistoryView } from './history.js';
import { sanitize } from './sanitize.js';
import { stepsText } from './text.js';
import { timetableText } from './timetable-text.js';

/** One paragraph an operation; with `verbose` also what it was decided from and what it did. */
export function historyText(entries: readonly HistoryView[], color: Colors, verbose: boolean): string {
  return entries.map((one) => entryText(one, color, verbose)).join(verbose ? '\n\n' : '\n');
}

function entryText(one: HistoryView, color: Colors, verbose: boolean): string {
  const result = one.result === 'SUCCESS' ? color.green(one.result) : color.red(one.result);
  const change = one.new_master === null ? (one.old_master ?? '') : `${one.old_master ?? '?'} -> ${one.new_master}`;
  const by = one.automatic ? 'automatic' : 'by hand';
  const head = `${one.begun}  ${one.kind} (${by})  ${result}  ${change}  ${(one.took / 1000).toFixed(1)} s  ${color.dim(one.id)}`;
  const loss = one.loss === null ? [] : [`  loss: ${sanitize(one.loss)}`];
  const lines = [head, ...loss];
  if (one.result !== 'SUCCESS' || verbose) lines.push(`  ${sanitize(one.details)}`);
  if (!verbose) return lines.join('\n');
  lines.push(...one.evidence.map((text) => `  - ${sanitize(text)}`));
  if (one.steps.length > 0) lines.push(stepsText(one.steps));
  if (one.timetable.length > 1)
    lines.push('  when each part began, and how long it took:', ...timetableText(one.timetable, color));
  return lines.join('\n');
}
