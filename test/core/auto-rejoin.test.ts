import { describe, expect, it } from 'vitest';
import { type CheckEnd, mayRejoinAfter, waitingToRejoin } from '../../src/core/auto-rejoin.js';
import type { FormerMaster, Rebuild } from '../../src/core/model.js';
import { type Change, CALM, NOW, iso, operation, situation, state } from './build.js';

describe('whether an old master may come back after this check', () => {
  const well: CheckEnd = { diagnosis: 'master_healthy', rule: 10, vetoes: [], failed_over: false };
  it.each<[string, Partial<CheckEnd>, boolean]>([
    ['the master is well', {}, true],
    ['it has just failed over, whatever was found before', { diagnosis: 'master_crashed', failed_over: true }, true],
    ['the master is not well', { diagnosis: 'master_crashed' }, false],
    ['we are the sick one', { rule: 0 }, false],
    ['something forbids to act', { vetoes: ['paused'] }, false],
  ])('%s', (_, change, may) => {
    expect(mayRejoinAfter({ ...well, ...change })).toBe(may);
  });
});

describe('who may be made a replica again by itself', () => {
  const former = (server: string, change: Partial<FormerMaster> = {}): FormerMaster => ({
    server,
    since: iso(CALM),
    reason: 'replaced',
    timeline: 2,
    fenced: iso(CALM),
    rejoin_failures: 0,
    ...change,
  });
  const rebuild = (change: Partial<Rebuild> = {}): Rebuild => ({
    server: 'db1',
    kind: 'rejoin',
    method: 'rejoin_rewind',
    source: 'db2',
    run: 'r',
    begun: iso(CALM),
    owner: { pid: 1, started: '', host: '', machine: '', boot_id: '' },
    touched: true,
    broken: null,
    ...change,
  });
  const two = state({ former_masters: [former('db1'), former('db3', { fenced: null })] });
  it.each<[string, readonly Change[], readonly string[]]>([
    ['nobody was a master', [], []],
    ['each of them, fenced or owed', [two], ['db1', 'db3']],
    ['not one that failed three times', [state({ former_masters: [former('db1', { rejoin_failures: 3 })] })], []],
    ['one that failed twice', [state({ former_masters: [former('db1', { rejoin_failures: 2 })] })], ['db1']],
    ['not one that is rebuilt already', [two, state({ rebuilds: [rebuild()] })], ['db3']],
    ['one whose rebuild broke', [two, state({ rebuilds: [rebuild({ broken: 'killed' })] })], ['db1', 'db3']],
    ['not while HandyRep is paused', [two, state({ pause: { since: iso(CALM), until: null, reason: '' } })], []],
    [
      'when the pause is over',
      [two, state({ pause: { since: iso(CALM), until: iso(NOW), reason: '' } })],
      ['db1', 'db3'],
    ],
    ['not while an operation is unfinished', [two, state({ operation: operation({}) })], []],
  ])('%s', (_, changes, who) => {
    expect(waitingToRejoin(situation(...changes).state, NOW)).toEqual(who);
  });
});
