import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Lsn } from '../../src/core/lsn.js';
import type { HistoryEntry, SavedState } from '../../src/core/model.js';
import {
  addHistory,
  emptyState,
  formatState,
  FUTURE_FORMAT,
  materialChange,
  newest,
  parseState,
} from '../../src/core/saved.js';
import { fullState, NOW, serverDef } from './saved-example.js';

/** Fields that an earlier version did not write. */
const LATER_FIELDS = ['archive', 'rebuilds', 'rebooted_since_calm', 'proxies', 'routing'];

const LATER = '2026-03-01T13:00:00.000Z';

describe('a state as text', () => {
  test.each([
    ['empty', emptyState('app', [serverDef('db1')], NOW)],
    ['full', fullState()],
  ])('comes back as it was: %s', (_, state) => {
    expect(parseState(formatState(state))).toEqual({ ok: true, value: state });
  });

  test('any part of it that is cut off is refused', () => {
    const text = formatState(fullState()).trimEnd();
    fc.assert(
      fc.property(fc.nat({ max: text.length - 1 }), (length) => {
        expect(parseState(text.slice(0, length)).ok).toBe(false);
      }),
      { numRuns: 200 },
    );
  });

  test('any field that is missing is refused, and named', () => {
    for (const key of Object.keys(fullState()).filter((name) => !LATER_FIELDS.includes(name))) {
      const damaged = Object.fromEntries(Object.entries(fullState()).filter(([name]) => name !== key));
      const parsed = parseState(formatState(damaged as unknown as SavedState));
      expect(parsed.ok ? null : parsed.error.message).toContain(key);
    }
  });

  test('a state that an earlier version wrote in this format gets what came later', () => {
    const { rebuilds, rebooted_since_calm, proxies, routing, archive, operation, former_masters, ...rest } =
      fullState();
    const there = [rebuilds.length, rebooted_since_calm, Object.keys(proxies), routing.owed, archive.gap];
    expect(there).toEqual([1, true, ['pgb1'], null, true]);
    const { shutdown_checkpoint, moments, ...unfinished } = operation ?? {};
    expect(shutdown_checkpoint).toBeDefined();
    expect(moments).toHaveLength(2);
    const servers = Object.entries(rest.servers).map(([name, { facts, ...one }]) => {
      const { took, ...older } = facts ?? { took: undefined };
      return [name, { ...one, facts: took === undefined ? facts : older }];
    });
    const former = former_masters.map(({ rejoin_failures, ...one }) => (rejoin_failures === 0 ? one : null));
    const old = {
      ...rest,
      servers: Object.fromEntries(servers) as unknown,
      operation: unfinished,
      former_masters: former,
    };
    const parsed = parseState(formatState(old as unknown as SavedState));
    expect(parsed).toMatchObject({
      ok: true,
      value: {
        rebuilds: [],
        rebooted_since_calm: false,
        proxies: {},
        routing: { route: null, owed: null },
        archive: { master: null, owed: [], gap: false, tried: null },
        operation: { shutdown_checkpoint: null },
        former_masters: [{ rejoin_failures: 0 }],
        servers: { db2: { facts: { took: null } } },
      },
    });
  });

  test('any field of another type is refused', () => {
    for (const key of Object.keys(fullState())) {
      const parsed = parseState(formatState({ ...fullState(), [key]: 13 }));
      if (key !== 'generation') expect([key, parsed.ok]).toEqual([key, false]);
    }
  });

  test.each([
    ['another tool', '{"version": 3}'],
    ['a list', '[]'],
    ['null', 'null'],
    ['a server under another name', formatState(fullState()).replace('"name": "db2"', '"name": "db3"')],
    ['a role of no kind', formatState(fullState()).replace('"role": "replica"', '"role": "arbiter"')],
    ['a step of no kind', formatState(fullState()).replace('"kind": "promote"', '"kind": "explode"')],
    ['a position that is none', formatState(fullState()).replace('"lsn": "16/B374D848"', '"lsn": "16-B3"')],
  ])('%s is refused as damaged', (_, text) => {
    const parsed = parseState(text);
    expect(parsed.ok ? null : [parsed.error.code, parsed.error.cause]).toEqual(['state_unreadable', undefined]);
  });

  test('a later format is told from a damaged one, whatever is in it', () => {
    const parsed = parseState('{"format": 2, "anything": true}');
    expect(parsed.ok ? null : parsed.error.cause).toBe(FUTURE_FORMAT);
  });

  test('the state of another cluster is refused', () => {
    const parsed = parseState(formatState(fullState()), 'other');
    expect(parsed.ok ? null : parsed.error.cause).toBe('other_cluster');
    expect(parseState(formatState(fullState()), 'app').ok).toBe(true);
  });
});

describe('the newer of two states', () => {
  const old = fullState({ generation: 7, updated: LATER });
  const young = fullState({ generation: 8, updated: NOW });
  const twin = fullState({ generation: 7, updated: NOW });

  test.each([
    ['the higher generation wins over the later time', old, young, young],
    ['the later time wins where the generations are equal', twin, old, old],
    ['one beats none', null, twin, twin],
    ['none beats none', null, null, null],
  ])('%s', (_, a, b, expected) => {
    expect(newest(a, b)).toBe(expected);
    expect(newest(b, a)).toBe(expected);
  });
});

describe('a material change', () => {
  const base = fullState();
  const [db1, db2] = [base.servers['db1'], base.servers['db2']];
  if (db1 === undefined || db2 === undefined || db2.calm === null || db2.facts === null) throw new Error('no servers');
  const { calm, facts, status } = db2;
  const withDb2 = (more: Partial<typeof db2>) => ({ ...base, servers: { db1, db2: { ...db2, ...more } } });
  const lsn = 1n as Lsn;

  test.each<[string, SavedState]>([
    ['another generation', { ...base, generation: 8, updated: LATER }],
    ['another round', { ...base, last_poll: LATER, last_verify: LATER }],
    ['clocks', { ...base, clock: { boot_id: 'c', wall_ms: 2, uptime_ms: 3 } }],
    ['a position of the master', { ...base, master_position: { at: LATER, server: 'db1', timeline: 1, lsn } }],
    ['a position of a replica', withDb2({ calm: { ...calm, at: LATER, lsn }, facts: { ...facts, lsn, lag_bytes: 5 } })],
    ['a number in a message', withDb2({ status: { ...status, status_ts: LATER, status_message: '9.5 ms' } })],
    ['the order of keys', { ...base, servers: { db2, db1 } }],
  ])('is not %s', (_, other) => {
    expect(materialChange(base, other)).toBe(false);
    expect(materialChange(other, base)).toBe(false);
  });

  test.each<[string, SavedState]>([
    ['a status', withDb2({ status: { ...status, status: 'down', status_no: 5 } })],
    ['the words of a status', withDb2({ status: { ...status, status_message: 'slow' } })],
    ['a definition', withDb2({ def: { ...db2.def, enabled: false } })],
    ['a timeline', { ...base, master_position: { at: NOW, server: 'db1', timeline: 2, lsn } }],
    ['a replica that streams no more', withDb2({ calm: { ...calm, streaming: false } })],
    ['a former master', { ...base, former_masters: [] }],
    ['a pause', { ...base, pause: null }],
    ['an operation', { ...base, operation: null }],
    ['one server less', { ...base, servers: { db1 } }],
  ])('is %s', (_, other) => {
    expect(materialChange(base, other)).toBe(true);
    expect(materialChange(other, base)).toBe(true);
  });
});

test('history is bounded, newest first', () => {
  const entry = (id: string) => ({ id }) as HistoryEntry;
  let history: HistoryEntry[] = [];
  for (let n = 1; n <= 120; n++) history = addHistory(history, entry(n.toString()));
  expect(history).toHaveLength(100);
  expect(history.at(0)?.id).toBe('120');
  expect(history.at(-1)?.id).toBe('21');
});
