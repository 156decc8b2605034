import { describe, expect, test } from 'vitest';
import { parseControlData } from '../../src/core/controldata.js';
import {
  type MasterWal,
  type TargetWal,
  divergedParts,
  judgeDivergence,
  segmentSuffix,
  toRead,
} from '../../src/core/divergence.js';
import { type Lsn, formatLsn, parseLsn } from '../../src/core/lsn.js';
import type { ControlState } from '../../src/core/observation.js';

function at(text: string): Lsn {
  const lsn = parseLsn(text);
  if (lsn === null) throw new Error(text);
  return lsn;
}

const history = (timeline: number, ...forks: [number, string][]): NonNullable<MasterWal['history']> => ({
  timeline,
  forks: forks.map(([one, lsn]) => ({ timeline: one, lsn: at(lsn) })),
});

/** On timeline 3, which left 2 at 0/5000000, which left 1 at 0/3000000. */
const MASTER: MasterWal = {
  timeline: 3,
  lsn: at('0/9000000'),
  history: history(3, [1, '0/3000000'], [2, '0/5000000']),
};

const STANDBY = 'shut down in recovery';

interface TargetShape {
  readonly timeline?: number;
  readonly checkpoint?: string;
  readonly state?: ControlState;
  readonly min?: readonly [number, string];
  readonly timelines?: readonly number[];
  readonly histories?: TargetWal['histories'];
  readonly backup_label?: boolean;
}

/** Crashed on timeline 1, well before it was left, unless said otherwise. */
function target(shape: TargetShape = {}): TargetWal {
  const { timeline = 1, checkpoint = '0/2000000', state = 'in production', min, histories = [] } = shape;
  return {
    control: { system_identifier: '1', state, timeline, checkpoint_lsn: at(checkpoint) },
    min_recovery: min === undefined ? null : { timeline: min[0], lsn: at(min[1]) },
    timelines: shape.timelines ?? [timeline],
    histories,
    backup_label: shape.backup_label ?? false,
  };
}

function judged(wal: TargetWal, last: Readonly<Record<number, string | null>>, master = MASTER): string {
  const ends = new Map(Object.entries(last).map(([key, lsn]) => [Number(key), lsn === null ? null : at(lsn)]));
  const { kind, ...more } = judgeDivergence(wal, master, ends);
  const fork = 'fork' in more ? more.fork : undefined;
  if (fork === undefined) return kind;
  return fork === null ? `${kind} from an unknown place` : `${kind} from ${formatLsn(fork.lsn)} of ${fork.timeline}`;
}

describe('whether a stopped server has diverged', () => {
  test.each<[string, TargetWal, Record<number, string | null>, string]>([
    ['its last record ends at the fork', target(), { 1: '0/2FFFFD8' }, 'none'],
    ['its last record begins at the fork', target(), { 1: '0/3000000' }, 'diverged from 0/3000000 of 1'],
    ['a crash left WAL far past the checkpoint', target(), { 1: '0/4000000' }, 'diverged from 0/3000000 of 1'],
    ['the end of its WAL cannot be read', target(), { 1: null }, 'untold'],
    ['there is no pg_waldump', target(), {}, 'untold'],
    ['its checkpoint alone is past the fork', target({ checkpoint: '0/3000028' }), {}, 'diverged from 0/3000000 of 1'],
    [
      'shut down, its checkpoint is on the new master',
      target({ state: 'shut down', checkpoint: '0/2FFFF88' }),
      { 1: '0/2FFFF88' },
      'none',
    ],
    [
      'shut down, its checkpoint never left',
      target({ state: 'shut down', checkpoint: '0/3000000' }),
      { 1: '0/3000000' },
      'diverged from 0/3000000 of 1',
    ],
    [
      'a stopped replica, data files up to the fork',
      target({ state: 'shut down in recovery', min: [1, '0/3000000'] }),
      { 1: '0/2FFFFD8' },
      'none',
    ],
    [
      'a stopped replica, data files past the fork',
      target({ state: 'shut down in recovery', min: [1, '0/3000001'] }),
      { 1: '0/2FFFFD8' },
      'diverged from 0/3000000 of 1',
    ],
    ["a standby on the master's timeline", target({ timeline: 3, state: STANDBY }), { 3: '0/8000000' }, 'none'],
    ["on the master's timeline, its end unknown", target({ timeline: 3, state: STANDBY }), { 3: null }, 'none'],
    [
      "on the master's timeline, ahead of the master",
      target({ timeline: 3, state: STANDBY }),
      { 3: '0/9000000' },
      'diverged from an unknown place',
    ],
    [
      'a base backup of the master that was never started',
      target({ timeline: 3, backup_label: true }),
      { 3: '0/8000000' },
      'none',
    ],
    [
      'it wrote a timeline of the same number itself, as far as is known from the same place',
      target({ timeline: 3 }),
      { 3: '0/8000000' },
      'diverged from an unknown place',
    ],
    [
      'it wrote one of that number from the same place, and made no checkpoint there',
      target({ timeline: 2, timelines: [2, 3], histories: [history(3, [1, '0/3000000'], [2, '0/5000000'])] }),
      { 2: '0/4FFFFD8', 3: '0/5000100' },
      'diverged from 0/5000000 of 2',
    ],
    [
      'it wrote one of that number from the same place, and was shut down',
      target({ timeline: 3, state: 'shut down', histories: [history(3, [1, '0/3000000'], [2, '0/5000000'])] }),
      { 3: '0/8000000' },
      'diverged from 0/5000000 of 2',
    ],
    [
      'a standby on a timeline of that number which left earlier',
      target({ timeline: 3, state: STANDBY, histories: [history(3, [1, '0/3000000'], [2, '0/4800000'])] }),
      { 3: '0/8000000' },
      'diverged from 0/4800000 of 2',
    ],
    [
      'a standby on a timeline of that number which left later',
      target({ timeline: 3, state: STANDBY, histories: [history(3, [1, '0/3000000'], [2, '0/5800000'])] }),
      { 3: '0/8000000' },
      'diverged from 0/5000000 of 2',
    ],
    [
      'a standby on a timeline of that number which skipped one',
      target({ timeline: 3, state: STANDBY, histories: [history(3, [1, '0/2800000'])] }),
      { 3: '0/8000000' },
      'diverged from 0/2800000 of 1',
    ],
    [
      "a standby that has the master's history too",
      target({ timeline: 3, state: STANDBY, histories: [history(3, [1, '0/3000000'], [2, '0/5000000'])] }),
      { 3: '0/8000000' },
      'none',
    ],
    ['followed from 1 to 2 in time', target({ timelines: [1, 2] }), { 1: '0/2FFFFD8', 2: '0/4000000' }, 'none'],
    [
      'followed from 1 to 2, too far on 2',
      target({ timelines: [1, 2] }),
      { 1: '0/2FFFFD8', 2: '0/5000000' },
      'diverged from 0/5000000 of 2',
    ],
    [
      'too far on 1, and WAL of 2 beside it',
      target({ timelines: [1, 2] }),
      { 1: '0/4000000', 2: '0/4000000' },
      'diverged from 0/3000000 of 1',
    ],
    [
      'leftovers of an older timeline',
      target({ timeline: 2, checkpoint: '0/4000000', timelines: [1, 2] }),
      { 2: '0/4000100' },
      'none',
    ],
    [
      'on a timeline of its own, forked off 2 before the master did',
      target({ timeline: 4, checkpoint: '0/6000000', histories: [history(4, [1, '0/3000000'], [2, '0/4800000'])] }),
      { 4: '0/6000100' },
      'diverged from 0/4800000 of 2',
    ],
    [
      'on a timeline of its own, forked off 2 after the master did',
      target({ timeline: 4, checkpoint: '0/6000000', histories: [history(4, [1, '0/3000000'], [2, '0/5800000'])] }),
      { 4: '0/6000100' },
      'diverged from 0/5000000 of 2',
    ],
    [
      'on a timeline of its own, without its history',
      target({ timeline: 4 }),
      { 4: '0/6000100' },
      'diverged from an unknown place',
    ],
    [
      'promoted to its own timeline, no checkpoint since',
      target({ min: [4, '0/2100000'], histories: [history(4, [1, '0/2100000'])] }),
      { 1: '0/20FFFD8' },
      'diverged from 0/2100000 of 1',
    ],
  ])('%s', (_what, wal, last, expected) => {
    expect(judged(wal, last)).toBe(expected);
  });

  test('a master that never left timeline 1', () => {
    const first: MasterWal = { timeline: 1, lsn: at('0/4000000'), history: null };
    expect(judged(target({ state: STANDBY }), { 1: '0/3000000' }, first)).toBe('none');
    // The master is a replica that was started without standby.signal.
    expect(judged(target(), { 1: '0/3000000' }, first)).toBe('diverged from an unknown place');
    // It is a replica that somebody promoted, and has made no checkpoint since.
    const promoted = target({ timelines: [1, 2], histories: [history(2, [1, '0/3000100'])] });
    expect(judged(promoted, { 1: '0/3000000' }, first)).toBe('diverged from 0/3000100 of 1');
    expect(judged(target({ timeline: 2 }), { 2: '0/3000000' }, first)).toBe('diverged from an unknown place');
  });
});

test('each timeline is read from where it began, or from the checkpoint', () => {
  const read = toRead(target({ timelines: [1, 2, 3, 4] }), MASTER);
  expect(read.map(({ timeline, lsn }) => [timeline, formatLsn(lsn)])).toEqual([
    [1, '0/2000000'],
    [2, '0/3000000'],
  ]);
});

test('what is kept begins at the fork, and each later timeline where it was begun', () => {
  const wal = target({
    timeline: 2,
    timelines: [1, 2, 4],
    histories: [history(4, [1, '0/3000000'], [2, '0/4800000'])],
  });
  const parts = divergedParts(wal, { timeline: 2, lsn: at('0/4800000') });
  expect(parts.map(({ timeline, lsn }) => [timeline, formatLsn(lsn)])).toEqual([
    [2, '0/4800000'],
    [4, '0/4800000'],
  ]);
});

test.each([
  ['0/3000000', 16, '0000000000000003'],
  ['0/2FFFFFF', 16, '0000000000000002'],
  ['A/FF000028', 16, '0000000A000000FF'],
  ['1/40000000', 1024, '0000000100000001'],
])('%s in segments of %i MB is in %s', (lsn, mb, suffix) => {
  expect(segmentSuffix(at(lsn), mb * 1024 * 1024)).toBe(suffix);
});

describe('pg_controldata', () => {
  const TEXT = [
    "Latest checkpoint's full_page_writes: on",
    'Minimum recovery ending location:     0/3000220',
    "Min recovery ending loc's timeline:   2",
    'wal_log_hints setting:                off',
    'Bytes per WAL segment:                16777216',
    'Data page checksum version:           1',
  ].join('\n');

  test('is read', () => {
    expect(parseControlData(TEXT)).toEqual({
      min_recovery: { timeline: 2, lsn: at('0/3000220') },
      segment_bytes: 16_777_216,
      wal_log_hints: false,
      checksums: true,
      full_page_writes: true,
    });
  });

  test('says nothing', () => {
    const nothing = {
      min_recovery: null,
      segment_bytes: null,
      wal_log_hints: null,
      checksums: null,
      full_page_writes: null,
    };
    expect(parseControlData('')).toEqual(nothing);
    expect(parseControlData('Minimum recovery ending location: 0/0').min_recovery).toBeNull();
  });
});

describe('where several timelines are involved', () => {
  test.each<[string, TargetWal, Record<number, string | null>, string]>([
    [
      'the oldest one that diverged tells the fork, in whatever order they are found',
      target({ timelines: [4, 2, 1] }),
      { 1: '0/2FFFFD8', 2: '0/6000000', 4: '0/6000100' },
      'diverged from 0/5000000 of 2',
    ],
    [
      'one whose end cannot be read leaves it open, though the newer one is in order',
      target({ timelines: [1, 2] }),
      { 1: null, 2: '0/4000000' },
      'untold',
    ],
    [
      'a checkpoint just at the fork never left, read or not',
      target({ checkpoint: '0/3000000' }),
      {},
      'diverged from 0/3000000 of 1',
    ],
    [
      'its own history counts, not that of another timeline in its pg_wal',
      target({
        timeline: 4,
        checkpoint: '0/6000000',
        histories: [history(2, [1, '0/3000000']), history(4, [1, '0/3000000'], [2, '0/4800000'])],
      }),
      { 4: '0/6000100' },
      'diverged from 0/4800000 of 2',
    ],
    [
      "on a timeline of its own that forked off the master's",
      target({
        timeline: 4,
        checkpoint: '0/8000000',
        histories: [history(4, [1, '0/3000000'], [2, '0/5000000'], [3, '0/7000000'])],
      }),
      { 4: '0/8000100' },
      'diverged from 0/7000000 of 3',
    ],
    [
      'promoted twice by itself: the last one that both had is the fork',
      target({
        timeline: 5,
        checkpoint: '0/6000000',
        histories: [history(5, [1, '0/3000000'], [2, '0/4800000'], [4, '0/4900000'])],
      }),
      { 5: '0/6000100' },
      'diverged from 0/4800000 of 2',
    ],
  ])('%s', (_what, wal, last, expected) => {
    expect(judged(wal, last)).toBe(expected);
  });

  test('they are read from old to new', () => {
    const read = toRead(target({ timelines: [2, 1] }), MASTER);
    expect(read.map(({ timeline }) => timeline)).toEqual([1, 2]);
  });

  test('what is counted of what is kept: nothing older than the fork, the fork once, the newer ones from where they began', () => {
    const wal = target({
      timelines: [5, 4, 2, 1],
      histories: [
        history(2, [1, '0/3000000']),
        history(4, [1, '0/3000000'], [2, '0/4800000']),
        history(5, [1, '0/3000000'], [2, '0/4800000'], [4, '0/4900000']),
      ],
    });
    const parts = divergedParts(wal, { timeline: 2, lsn: at('0/4800000') });
    expect(parts.map(({ timeline, lsn }) => [timeline, formatLsn(lsn)])).toEqual([
      [2, '0/4800000'],
      [4, '0/4800000'],
      [5, '0/4900000'],
    ]);
  });

  test('of a timeline without its history nothing can be counted', () => {
    const wal = target({ timelines: [1, 4], histories: [history(2, [1, '0/3000000'])] });
    expect(divergedParts(wal, { timeline: 1, lsn: at('0/3000000') })).toEqual([{ timeline: 1, lsn: at('0/3000000') }]);
  });
});
