import { describe, expect, test } from 'vitest';
import {
  type ArchiveWork,
  archiveConcerns,
  archiveWork,
  foldArchive,
  withArchiveDone,
  withArchiveOwed,
} from '../../src/core/archive-owed.js';
import type { ArchiveRecord, SavedState } from '../../src/core/model.js';
import { type Change, NOW, def, iso, operation, situation, state as stateOf } from './build.js';

const DONE: ArchiveRecord = { master: 'db1', owed: [], gap: false, tried: null };
const record = (change: Partial<ArchiveRecord>): Change => stateOf({ archive: { ...DONE, ...change } });

describe('what a check is to do', () => {
  test.each([
    ['nothing, where archive start was never used', [record({ master: null, owed: ['db2'] })], null],
    ['nothing, where all is done', [record({})], null],
    ['what is owed', [record({ owed: ['db2'] })], { master: 'db1', install: ['db2'], gap: false }],
    ['not again at once', [record({ owed: ['db2'], tried: iso(NOW - 59_000) })], null],
    ['not twice at one moment', [record({ owed: ['db2'], tried: iso(NOW) })], null],
    [
      'again after a while',
      [record({ owed: ['db2'], tried: iso(NOW - 60_000) })],
      { master: 'db1', install: ['db2'], gap: false },
    ],
    [
      'our clock was set back',
      [record({ gap: true, tried: iso(NOW + 9000) })],
      { master: 'db1', install: [], gap: true },
    ],
    ['the gap', [record({ gap: true })], { master: 'db1', install: [], gap: true }],
    [
      'everything, where another server is the master',
      [record({ master: 'db9', owed: ['db2'] })],
      { master: 'db1', install: ['db1', 'db2', 'db3'], gap: true },
    ],
    [
      'everything that is enabled, where another server is the master',
      [record({ master: 'db9' }), def('db2', { enabled: false })],
      { master: 'db1', install: ['db1', 'db3'], gap: true },
    ],
    ['nothing, where no master is recorded', [record({ owed: ['db2'] }), def('db1', { role: 'replica' })], null],
    [
      'nothing by rule 0: the first round since our host booted',
      [record({ master: 'db9' }), (s) => ({ ...s, manager: { ...s.manager, boot_id: 'boot-2' } })],
      null,
    ],
    ['nothing for one that is disabled', [record({ owed: ['db2'] }), def('db2', { enabled: false })], null],
    ['nothing for one that is forgotten', [record({ owed: ['db8'] })], null],
    [
      'nothing, while an operation is unfinished',
      [record({ master: 'db9' }), stateOf({ operation: operation() })],
      null,
    ],
  ] satisfies readonly (readonly [string, readonly Change[], ArchiveWork | null])[])('%s', (_, changes, work) => {
    expect(archiveWork(situation(...changes))).toEqual(work);
  });

  test('it ends: what is done is not done again, what failed is', () => {
    let { state } = situation(record({ master: 'db9' }));
    const work = archiveWork({ ...situation(), state });
    if (work === null) throw new Error('nothing to do');
    state = withArchiveOwed(state, work, iso(NOW - 60_000));
    expect(state.archive).toEqual({ master: 'db1', owed: ['db1', 'db2', 'db3'], gap: true, tried: iso(NOW - 60_000) });
    state = withArchiveDone(state, { installed: ['db1', 'db3'], closed: false });
    expect(archiveWork({ ...situation(), state })).toEqual({ master: 'db1', install: ['db2'], gap: true });
    state = withArchiveDone(state, { installed: ['db2'], closed: true });
    expect(archiveWork({ ...situation(), state })).toBeNull();
    expect(state.archive).toEqual(DONE);
  });
});

test.each([
  ['a server has failed', ['db2'], true],
  ['the gap is open', ['db2', 'db3'], false],
])('%s: it is not tried again at once', (_, installed, closed) => {
  const tried = iso(NOW);
  const { state } = situation(record({ owed: ['db2', 'db3'], gap: true, tried }));
  expect(withArchiveDone(state, { installed, closed }).archive.tried).toBe(tried);
});

describe('after a look at the scripts', () => {
  const fold = (
    archive: Partial<ArchiveRecord>,
    seen: Readonly<Record<string, boolean>>,
    more: Partial<SavedState> = {},
  ) => {
    const { state } = situation(record(archive), stateOf(more));
    return foldArchive({ ...state, archive: { ...DONE, ...archive } }, seen).owed;
  };
  const pause = { since: '2026-03-01T12:00:00.000Z', until: null, reason: '' };

  test.each([
    ['all are right', {}, { db1: true, db2: true }, []],
    ['one is wrong', {}, { db1: true, db2: false }, ['db2']],
    ['one that was owed is right by now', { owed: ['db2'] }, { db2: true }, []],
    ['one that was owed could not be looked at', { owed: ['db3'] }, { db2: false }, ['db2', 'db3']],
    ['nothing was looked at', { owed: ['db3'] }, {}, ['db3']],
    ['archive start was never used', { master: null }, { db2: false }, []],
  ] as const)('%s', (_, archive, seen, owed) => {
    expect(fold(archive, seen)).toEqual(owed);
  });

  test('what is newly found wrong is mended at once; what is right ends the wait', () => {
    const tried = iso(NOW);
    const { state } = situation(record({ owed: ['db2'], tried }));
    expect(foldArchive(state, { db2: false })).toMatchObject({ owed: ['db2'], tried });
    expect(foldArchive(state, { db2: false, db3: false })).toMatchObject({ owed: ['db2', 'db3'], tried: null });
    expect(foldArchive(state, { db2: true })).toEqual(DONE);
  });

  test('while automatic action is off nothing new is owed', () => {
    expect(fold({ owed: ['db3'] }, { db2: false, db3: false }, { pause })).toEqual(['db3']);
  });
});

test('what the status of the cluster says', () => {
  const concerns = (archive: Partial<ArchiveRecord>) => archiveConcerns(situation(record(archive)).state);
  expect(concerns({})).toEqual([]);
  expect(concerns({ owed: ['db2', 'db3', 'db8'], gap: true })).toEqual([
    'the archive scripts of db2, db3 are still to be installed',
    'WAL that the former master completed may not be in the archive yet',
  ]);
});
