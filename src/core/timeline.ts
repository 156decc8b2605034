import { type Lsn, parseLsn } from './lsn.js';
import type { TimelineHistory } from './observation.js';

const LINE = /^\s*(\d+)\s+([0-9A-Fa-f]+\/[0-9A-Fa-f]+)(?:\s|$)/;

/**
 * Parses a timeline history file ("Timelines", continuous-archiving): one line a fork, with parent timeline, the
 * position at which it was left, and a reason. Null when a line is not understood or the timelines do not grow: then
 * nothing is known of the timeline's past.
 */
export function parseTimelineHistory(timeline: number, text: string): TimelineHistory | null {
  const forks: { timeline: number; lsn: Lsn }[] = [];
  for (const line of text.split('\n')) {
    if (/^\s*(#|$)/.test(line)) continue;
    const [, parent = '', position = ''] = LINE.exec(line) ?? [];
    const lsn = parseLsn(position);
    const before = forks.at(-1)?.timeline ?? 0;
    if (lsn === null || Number(parent) <= before || Number(parent) >= timeline) return null;
    forks.push({ timeline: Number(parent), lsn });
  }
  return { timeline, forks };
}

/**
 * Whether a server on `timeline` whose WAL ends at `lsn` has not diverged from the history: it is on the history's own
 * timeline, or on one of its ancestors and not past the point where that was left.
 */
export function isAncestor(history: TimelineHistory, timeline: number, lsn: Lsn): boolean {
  if (timeline === history.timeline) return true;
  const fork = history.forks.find((one) => one.timeline === timeline);
  return fork !== undefined && lsn <= fork.lsn;
}

/** Whether two histories are of one timeline: of the same number, left where the other was left, all the way down. */
export function sameHistory(a: TimelineHistory, b: TimelineHistory): boolean {
  if (a.timeline !== b.timeline || a.forks.length !== b.forks.length) return false;
  return a.forks.every(({ timeline, lsn }, index) => {
    const other = b.forks[index];
    return timeline === other?.timeline && lsn === other.lsn;
  });
}
