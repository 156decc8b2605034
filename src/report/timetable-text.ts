import type { Colors } from './colors.js';
import type { TimetableRow } from '../core/timetable.js';
import { sanitize } from './sanitize.js';

const COLUMN = 9;

/** When each thing began, counted from the first, and how long it took. */
export function timetableText(rows: readonly TimetableRow[], color: Colors): readonly string[] {
  return rows.map(({ what, at, ms }) => {
    const took = ms === null ? '' : `${ms.toString()} ms`;
    return `  ${`${at.toString()} ms`.padStart(COLUMN)}  ${color.dim(took.padStart(COLUMN))}  ${sanitize(what)}`;
  });
}
