import type { ChalkInstance } from 'chalk';
import type { HistoryEntry } from '../core/model.js';
import { type StepView, viewSteps } from './decision.js';
import { sanitize } from './sanitize.js';
import { stepsText } from './text.js';

/** A finished operation, as `history` shows it. */
export interface HistoryView {
  readonly id: string;
  readonly kind: HistoryEntry['kind'];
  readonly automatic: boolean;
  readonly begun: string;
  readonly ended: string;
  /** Milliseconds from its begin to its end. */
  readonly took: number;
  readonly result: HistoryEntry['result'];
  readonly details: string;
  readonly old_master: string | null;
  readonly new_master: string | null;
  readonly loss: string | null;
  readonly evidence: readonly string[];
  readonly steps: readonly StepView[];
}

export function viewHistory(entry: HistoryEntry): HistoryView {
  const took = Math.max(0, Date.parse(entry.ended) - Date.parse(entry.begun));
  return { ...entry, took, steps: viewSteps(entry.steps) };
}

/** One paragraph an operation; with `verbose` also what it was decided from and what it did. */
export function historyText(entries: readonly HistoryView[], color: ChalkInstance, verbose: boolean): string {
  return entries.map((one) => entryText(one, color, verbose)).join(verbose ? '\n\n' : '\n');
}

function entryText(one: HistoryView, color: ChalkInstance, verbose: boolean): string {
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
  return lines.join('\n');
}
