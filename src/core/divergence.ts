import { type Lsn, formatLsn } from './lsn.js';
import type { ControlFile, ControlState, TimelineHistory } from './observation.js';
import { sameHistory } from './timeline.js';

/** What a stopped data directory says of its own WAL. */
export interface TargetWal {
  readonly control: ControlFile;
  /** How far the data files of a stopped replica may have come; null where the control file names none. */
  readonly min_recovery: { readonly timeline: number; readonly lsn: Lsn } | null;
  /** Timelines that segments in its pg_wal are of. */
  readonly timelines: readonly number[];
  /** The history files in its pg_wal. */
  readonly histories: readonly TimelineHistory[];
  /** It is a base backup that was never started: its control file is that of the server which it was taken from. */
  readonly backup_label: boolean;
}

/** The master's own past, and how far it has come. */
export interface MasterWal {
  readonly timeline: number;
  readonly lsn: Lsn;
  /** Null on timeline 1, which has no past. */
  readonly history: TimelineHistory | null;
}

/** A position on a timeline. */
export interface WalPosition {
  readonly timeline: number;
  readonly lsn: Lsn;
}

export type Divergence =
  | { readonly kind: 'none'; readonly why: string }
  /** `fork`: where its WAL and the master's part; null where that cannot be told. */
  | { readonly kind: 'diverged'; readonly fork: WalPosition | null; readonly why: string }
  | { readonly kind: 'untold'; readonly why: string };

/** Where the last whole record of a timeline begins in the target's pg_wal, by timeline; null: it cannot be read. */
export type LastRecords = ReadonlyMap<number, Lsn | null>;

/** Every timeline whose WAL this directory would replay if it were started. */
function timelinesOf({ control, min_recovery, timelines }: TargetWal): readonly number[] {
  const named = [control.timeline, ...(min_recovery === null ? [] : [min_recovery.timeline]), ...timelines];
  return [...new Set(named)].filter((one) => one >= control.timeline).sort((a, b) => a - b);
}

/** Where the master's history left a timeline; null: it never was on it, or is on it now. */
function leftAt(master: MasterWal, timeline: number): Lsn | null {
  return master.history?.forks.find((one) => one.timeline === timeline)?.lsn ?? null;
}

/** From where each timeline has to be read to find its last record; those that need no reading are left out. */
export function toRead(target: TargetWal, master: MasterWal): readonly WalPosition[] {
  const { control } = target;
  return timelinesOf(target).flatMap((timeline): WalPosition[] => {
    if (timeline === control.timeline) return [{ timeline, lsn: control.checkpoint_lsn }];
    if (timeline === master.timeline || leftAt(master, timeline) === null) return [];
    const from = leftAt(master, parentOf(master, timeline));
    return from === null ? [] : [{ timeline, lsn: from }];
  });
}

function parentOf(master: MasterWal, timeline: number): number {
  return master.history?.forks.findLast((one) => one.timeline < timeline)?.timeline ?? 0;
}

/**
 * Whether a stopped data directory holds WAL that is not in the master's history. pg_rewind answers the same question by
 * the control files, and wrongly where the master has not made a checkpoint since it was promoted. A record that begins
 * before the point where the master left that timeline is common to both: the master ended recovery behind a whole record.
 */
export function judgeDivergence(target: TargetWal, master: MasterWal, last: LastRecords): Divergence {
  const found = timelinesOf(target).map((timeline) =>
    judgeTimeline(target, master, timeline, last.get(timeline) ?? null),
  );
  return (
    found.find((one) => one.kind === 'diverged') ??
    found.find((one) => one.kind === 'untold') ??
    found.at(-1) ?? { kind: 'untold', why: 'its control file names no timeline' }
  );
}

/** States of a server that wrote its timeline itself. A standby's first start leaves another one. */
const WROTE: ReadonlySet<ControlState> = new Set(['in production', 'shutting down', 'shut down', 'in crash recovery']);

/**
 * Why the target's timeline is another one than the master's, although both bear one number: two servers that did not know of each
 * other were promoted, or one was started without standby.signal. pg_rewind would find nothing to do. Null: nothing shows that.
 */
function whyTwin(target: TargetWal, master: MasterWal): string | null {
  const { control, histories, backup_label } = target;
  const { timeline } = master;
  const own = histories.find((one) => one.timeline === timeline);
  if (own !== undefined && master.history !== null && !sameHistory(own, master.history)) {
    return `its timeline ${timeline} began elsewhere than the master's timeline of that number`;
  }
  // What it wrote is its newest one: after a promotion the control file names the one before, until the first checkpoint.
  if (backup_label || !WROTE.has(control.state) || timeline !== timelinesOf(target).at(-1)) return null;
  return `it was a master on timeline ${timeline} itself, or is a copy of one, and the master's timeline has that number too`;
}

function judgeTimeline(target: TargetWal, master: MasterWal, timeline: number, last: Lsn | null): Divergence {
  const { control, min_recovery } = target;
  if (timeline === master.timeline) {
    const twin = whyTwin(target, master);
    if (twin !== null) return { kind: 'diverged', fork: commonAncestor(target, master, timeline), why: twin };
    // Of a master that was started from an older copy.
    if (last === null || last < master.lsn) return { kind: 'none', why: `it is on the master's timeline ${timeline}` };
    const why = `its WAL goes on to ${formatLsn(last)}, and the master of the same timeline ${timeline} is at ${formatLsn(master.lsn)}`;
    return { kind: 'diverged', fork: null, why };
  }
  const left = leftAt(master, timeline);
  if (left === null) {
    const fork = commonAncestor(target, master, timeline);
    return { kind: 'diverged', fork, why: `it was on timeline ${timeline}, which is not in the master's history` };
  }
  const fork = { timeline, lsn: left };
  const beyond = (what: string, lsn: Lsn): Divergence => ({
    kind: 'diverged',
    fork,
    why: `${what} ${formatLsn(lsn)} of timeline ${timeline}, which the master left at ${formatLsn(left)}`,
  });
  if (last !== null && last >= left) return beyond('its WAL goes on to the record at', last);
  if (control.timeline === timeline && control.checkpoint_lsn >= left)
    return beyond('its last checkpoint is at', control.checkpoint_lsn);
  if (min_recovery?.timeline === timeline && min_recovery.lsn > left)
    return beyond('its data files have come to', min_recovery.lsn);
  if (last === null) return { kind: 'untold', why: `the end of its WAL on timeline ${timeline} cannot be read` };
  return {
    kind: 'none',
    why: `its last record, at ${formatLsn(last)}, is before the point ${formatLsn(left)} where the master left timeline ${timeline}`,
  };
}

/** The last point that a timeline of the target and the master's have in common; null without its history file. */
function commonAncestor({ histories }: TargetWal, master: MasterWal, timeline: number): WalPosition | null {
  const own = histories.find((one) => one.timeline === timeline);
  const shared = own?.forks.findLast(
    (one) => one.timeline === master.timeline || leftAt(master, one.timeline) !== null,
  );
  if (shared === undefined) return null;
  const left = leftAt(master, shared.timeline);
  return left !== null && left < shared.lsn ? { timeline: shared.timeline, lsn: left } : shared;
}

/** What is to be kept of the target's WAL: where each timeline that diverged is read from, the fork first. */
export function divergedParts(target: TargetWal, fork: WalPosition): readonly WalPosition[] {
  const later = timelinesOf(target).filter((one) => one > fork.timeline);
  return [
    fork,
    ...later.flatMap((timeline): WalPosition[] => {
      const lsn = target.histories.find((one) => one.timeline === timeline)?.forks.at(-1)?.lsn;
      return lsn === undefined ? [] : [{ timeline, lsn }];
    }),
  ];
}

/** The name of the segment that holds a position, without the timeline in front (WAL file names, "WAL Internals"). */
export function segmentSuffix(lsn: Lsn, segment_bytes: number): string {
  const segment = lsn / BigInt(segment_bytes);
  const each = 0x1_0000_0000n / BigInt(segment_bytes);
  return hex8(segment / each) + hex8(segment % each);
}

export function hex8(value: bigint | number): string {
  return value.toString(16).toUpperCase().padStart(8, '0');
}
