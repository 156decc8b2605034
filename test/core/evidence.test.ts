import { describe, expect, it, test } from 'vitest';
import { decide } from '../../src/core/decide.js';
import { type EvidenceEntry, entryName, evidenceEntry, readEntry } from '../../src/core/evidence.js';
import type { HistoryEntry } from '../../src/core/model.js';
import { furthestAhead } from '../../src/core/select.js';
import { verdictOf } from '../../src/core/verdict.js';
import { NOW, crashed, iso, situation, state } from './build.js';

const HEAD = { run: '3f2a91bc', seq: 1, command: 'failover-check', selection_method: 'select_by_priority' };

function entry(): EvidenceEntry {
  const s = situation(crashed, state({ history: [{} as HistoryEntry] }));
  return evidenceEntry(HEAD, s, verdictOf(decide(s, furthestAhead)));
}

test('an entry has all that the decision was made from, and nothing of the past', () => {
  const kept = entry();
  expect(kept).toMatchObject({ ...HEAD, ts: iso(NOW), format: 1, cluster: 'app', moments: [] });
  expect(kept.situation.state.history).toEqual([]);
  expect(kept.situation.servers).toEqual(situation(crashed).servers);
  const moments = [{ what: 'first look', at: iso(NOW), ms: 3 }];
  expect(evidenceEntry({ ...HEAD, moments }, situation(), kept.verdict).moments).toEqual(moments);
});

describe('an entry is read', () => {
  it('as it was written, also without what an earlier HandyRep did not record', () => {
    const { moments, ...early } = entry();
    expect(moments).toEqual([]);
    expect(readEntry(entry())).toEqual({ ok: true, value: entry() });
    expect(readEntry(early)).toEqual({ ok: true, value: early });
  });

  it.each<[what: string, value: unknown, message: RegExp, hint?: string]>([
    ['is no object', 'x', /not an object/],
    [
      'is of a newer HandyRep',
      { ...entry(), format: 2 },
      /has format 2, and this HandyRep reads up to 1/,
      'a newer HandyRep wrote it: use that one',
    ],
    ['has no format', { ...entry(), format: null }, /damaged/],
    ['has no situation', { ...entry(), situation: undefined }, /damaged/],
    ['has half a verdict', { ...entry(), verdict: { rule: 7 } }, /damaged/],
  ])('not one that %s', (_, value, message, hint) => {
    const read = readEntry(value);
    expect(read).toMatchObject({
      ok: false,
      error: { code: 'evidence_unreadable', message: expect.stringMatching(message) as string },
    });
    expect(read.ok ? undefined : read.error.hint).toBe(hint);
  });
});

test('only the first decision of a run has the name of the run', () => {
  expect([entryName({ run: 'r', seq: 1 }), entryName({ run: 'r', seq: 2 })]).toEqual(['r', 'r.2']);
});
