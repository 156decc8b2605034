import { describe, expect, it, test } from 'vitest';
import { decide } from '../../src/core/decide.js';
import { furthestAhead } from '../../src/core/select.js';
import { type Verdict, differences, isAct, sameAnswer, verdictOf } from '../../src/core/verdict.js';
import {
  CALM,
  type Change,
  answers,
  asMaster,
  asReplica,
  crashed,
  def,
  frozen,
  iso,
  lsn,
  operation,
  policy,
  silent,
  situation,
  state,
} from './build.js';

const verdict = (...changes: readonly Change[]): Verdict => verdictOf(decide(situation(...changes), furthestAhead));

const returned = state({
  former_masters: [
    { server: 'db3', since: iso(CALM), reason: 'replaced', timeline: 2, fenced: null, rejoin_failures: 0 },
  ],
});

describe('whom a decision is about, and whether it is an act', () => {
  it.each<[what: string, action: string, to: readonly string[], acts: boolean, changes: readonly Change[]]>([
    ['all is well', 'none', [], false, []],
    ['a closer look is wanted', 'look', [], false, [silent()]],
    ['an operation is unfinished', 'resume', [], true, [state({ operation: operation() })]],
    ['a former master is back', 'fence_returned', ['db3'], true, [asMaster('db3'), returned]],
    ['a replica was promoted by hand', 'record_master', ['db2'], true, [crashed, asMaster('db2', { timeline: 2 })]],
    ['the master is started again', 'restart_master', ['db1'], true, [crashed, policy({ restart_master: true })]],
    ['a failover, best candidate first', 'fail_over', ['db2', 'db3'], true, [crashed]],
  ])('%s', (_, action, to, acts, changes) => {
    const found = verdict(...changes);
    expect([found.action, found.to, isAct(found)]).toEqual([action, to, acts]);
  });
});

test('of a failover it says how the old master is fenced and the steps; of nothing else', () => {
  expect(verdict(crashed).fence).toBe('signal');
  expect(verdict(frozen).fence).toBe('kill');
  expect(verdict(crashed).plan.length).toBeGreaterThan(5);
  expect([verdict().fence, verdict().plan, verdict().loss]).toEqual([null, [], null]);
});

test('what forbids it and who is not fit is in it, by name, and nobody who is', () => {
  const { vetoes, unfit, loss } = verdict(
    crashed,
    policy({ auto_failover: false }),
    def('db3', { failover_priority: null }),
  );
  expect(vetoes).toEqual(['auto_failover_off']);
  expect(Object.keys(unfit)).toEqual(['db3']);
  expect(unfit['db3']).toEqual([expect.any(String)]);
  expect(loss).not.toBeNull();
});

describe('in what two decisions differ', () => {
  const fields = (a: Verdict, b: Verdict): readonly string[] => differences(a, b).map(({ field }) => field);

  it.each<[what: string, changes: readonly Change[], differs: readonly string[], repeat: boolean]>([
    ['nothing', [crashed], [], true],
    [
      'the loss alone, which grows while nobody acts',
      [crashed, asReplica('db2', { lsn: lsn(0x4ffff00) }), asReplica('db3', { lsn: lsn(0x4ffff00) })],
      ['loss'],
      true,
    ],
    ['the order of the candidates', [crashed, def('db2', { failover_priority: 9 })], ['to'], false],
    ['a veto', [crashed, policy({ auto_failover: false })], ['rule', 'action', 'to', 'fence', 'vetoes'], false],
    ['who is fit', [crashed, def('db3', { failover_priority: null })], ['to', 'unfit'], false],
  ])('%s', (_, changes, differs, repeat) => {
    const [was, now] = [verdict(crashed), verdict(...changes)];
    expect(fields(was, now)).toEqual(differs);
    expect(sameAnswer(was, now)).toBe(repeat);
  });

  it('the sentence, where all else is the same', () => {
    const was = verdict(crashed);
    expect(fields(was, { ...was, details: 'otherwise' })).toEqual(['details']);
    expect(fields(was, { ...was, details: 'otherwise', alarm: !was.alarm })).toEqual(['alarm']);
    expect(sameAnswer(was, { ...was, details: 'otherwise' })).toBe(true);
  });

  it('who is not fit is compared whatever the order in which they were looked at', () => {
    const was = { ...verdict(crashed), unfit: { db2: ['lagged'], db3: ['disabled', 'lagged'] } };
    const now = { ...was, unfit: { db3: ['disabled', 'lagged'], db2: ['lagged'] } };
    expect(differences(was, now)).toEqual([]);
    const other = { ...was, unfit: { db2: ['lagged'] } };
    expect(differences(was, other)).toEqual([
      { field: 'unfit', was: 'db2: lagged; db3: disabled, lagged', now: 'db2: lagged' },
    ]);
    expect(differences(other, { ...was, unfit: {}, to: [] })).toContainEqual({
      field: 'unfit',
      was: 'db2: lagged',
      now: 'nobody',
    });
  });
});

test('another diagnosis is no repeat', () => {
  expect(sameAnswer(verdict(), verdict(answers('db1', 'starting')))).toBe(false);
});
