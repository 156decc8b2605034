import type { HistoryEntry } from '../core/model.js';
import { type TimetableRow, timetable } from '../core/timetable.js';
import { type StepView, viewSteps } from './decision.js';

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
  /** Where each millisecond went, from the first sign of trouble on. */
  readonly timetable: readonly TimetableRow[];
}

export function viewHistory(entry: HistoryEntry): HistoryView {
  const took = Math.max(0, Date.parse(entry.ended) - Date.parse(entry.begun));
  const { moments, ...rest } = entry;
  return { ...rest, took, steps: viewSteps(entry.steps), timetable: timetable({ ...entry, moments: moments ?? [] }) };
}
