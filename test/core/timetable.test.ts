import { expect, test } from 'vitest';
import type { JournalledStep } from '../../src/core/model.js';
import { timetable } from '../../src/core/timetable.js';
import { NOW, iso } from './build.js';

function step(kind: 'promote' | 'prove_writes', begun: number | null, ended: number | null): JournalledStep {
  const state = ended === null ? 'begun' : 'done';
  const at = (ms: number | null): string | null => (ms === null ? null : iso(NOW + ms));
  return { step: { kind }, state, begun: at(begun), ended: at(ended), note: null };
}

test('everything stands in the order in which it began, counted from the first sign of trouble', () => {
  const rows = timetable({
    moments: [
      { what: 'a heartbeat was not answered', at: iso(NOW - 500), ms: null },
      { what: 'closer look', at: iso(NOW + 20), ms: 2100 },
      { what: 'first look', at: iso(NOW), ms: 3000 },
    ],
    steps: [step('promote', 3100, 3200), step('prove_writes', 3200, 3215)],
    ended: iso(NOW + 3400),
  });
  expect(rows).toEqual([
    { what: 'a heartbeat was not answered', at: 0, ms: null },
    { what: 'first look', at: 500, ms: 3000 },
    { what: 'closer look', at: 520, ms: 2100 },
    { what: 'promote', at: 3600, ms: 100 },
    { what: 'prove_writes', at: 3700, ms: 15 },
    { what: 'the new master takes writes', at: 3715, ms: null },
    { what: 'everything is done', at: 3900, ms: null },
  ]);
});

test('an operation of an earlier HandyRep has its steps; one that was broken off has no end', () => {
  expect(timetable({ steps: [step('promote', 0, null), step('prove_writes', null, null)], ended: null })).toEqual([
    { what: 'promote', at: 0, ms: null },
  ]);
  expect(timetable({})).toEqual([]);
});

test('a write that was not proved is none', () => {
  const failed = { ...step('prove_writes', 0, 9), state: 'failed' } as const;
  expect(timetable({ steps: [failed] })).toEqual([{ what: 'prove_writes', at: 0, ms: 9 }]);
});
