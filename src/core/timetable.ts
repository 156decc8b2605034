import type { JournalledStep } from './model.js';
import type { Moment } from './moment.js';

/** A line of the timetable of a decision or an operation. */
export interface TimetableRow {
  readonly what: string;
  /** Milliseconds after the first line. */
  readonly at: number;
  /** How long it took, milliseconds; null: a point in time, or it was not waited for. */
  readonly ms: number | null;
}

/** What a timetable is made of. */
export interface Course {
  /** What was asked before the decision. */
  readonly moments?: readonly Moment[];
  readonly steps?: readonly JournalledStep[];
  /** ISO 8601: when everything was over; null or absent: it is not, or there was nothing to do. */
  readonly ended?: string | null;
}

/** Where each millisecond went: in the order in which things began. */
export function timetable({ moments = [], steps = [], ended = null }: Course): readonly TimetableRow[] {
  const done = steps.flatMap(({ step, begun, ended: over }): Moment[] =>
    begun === null ? [] : [{ what: step.kind, at: begun, ms: over === null ? null : between(begun, over) }],
  );
  const writes = steps.find(({ step, state }) => step.kind === 'prove_writes' && state === 'done')?.ended ?? null;
  const points: Moment[] = [
    ...(writes === null ? [] : [{ what: 'the new master takes writes', at: writes, ms: null }]),
    ...(ended === null ? [] : [{ what: 'everything is done', at: ended, ms: null }]),
  ];
  const all = [...moments, ...done, ...points].toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at));
  const first = all[0]?.at ?? null;
  return first === null ? [] : all.map(({ what, at, ms }) => ({ what, at: between(first, at), ms }));
}

function between(from: string, to: string): number {
  return Math.max(0, Date.parse(to) - Date.parse(from));
}
