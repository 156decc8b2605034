import { expect, test } from 'vitest';
import { lastKept } from '../../src/core/kept-wal.js';
import { type Lsn, formatLsn } from '../../src/core/lsn.js';
import { control, lsn } from './build.js';

const FORK = 0x3000000;

/** Forked off timeline 2. */
function kept(timelines: readonly number[], last: Readonly<Record<number, number | null>>): string | null {
  const target = {
    control: control('in production'),
    min_recovery: null,
    timelines,
    histories: [],
    backup_label: false,
  };
  const ends = new Map<number, Lsn | null>();
  for (const [timeline, end] of Object.entries(last)) ends.set(Number(timeline), end === null ? null : lsn(end));
  const end = lastKept(target, { timeline: 2, lsn: lsn(FORK) }, ends);
  return end === null ? null : formatLsn(end);
}

test.each<[string, readonly number[], Readonly<Record<number, number | null>>, string | null]>([
  ['to the end of the timeline that diverged', [2], { 2: 0x5000000 }, '0/5000000'],
  ['to the furthest end', [2, 3], { 2: 0x6000000, 3: 0x5000000 }, '0/6000000'],
  ['from the fork at least', [2], { 2: FORK - 1 }, '0/3000000'],
  ['whatever an older timeline has', [1, 2], { 1: 0x9000000, 2: 0x5000000 }, '0/5000000'],
  ['whatever an older timeline does not tell', [1, 2], { 1: null, 2: 0x5000000 }, '0/5000000'],
  ['whole, where an end cannot be read', [2], { 2: null }, null],
  ['whole, where a timeline of its own was not read', [2, 4], { 2: 0x5000000 }, null],
  ['whole, without pg_waldump', [2], {}, null],
])('the WAL that only one server has is kept %s', (_, timelines, last, expected) => {
  expect(kept(timelines, last)).toBe(expected);
});
