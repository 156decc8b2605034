import { describe, expect, it } from 'vitest';
import { beginNext, mayComeBack, nextStep, reopenStep, settleStep, withFencingOwed } from '../../src/core/journal.js';
import type { FenceWay } from '../../src/core/model.js';
import { fail } from '../../src/core/outcome.js';
import { failoverSteps, journal } from '../../src/core/plan.js';
import { MASTER_LSN, operation } from './build.js';

const STEPS = (fence: FenceWay) =>
  failoverSteps({
    old_master: 'db1',
    fence,
    candidates: [{ server: 'db2', lsn: MASTER_LSN, timeline: 1 }],
    replicas: ['db2', 'db3'],
    connection_method: null,
    remaster: true,
  });

describe('a candidate whose promotion failed', () => {
  const { error } = fail('step_failed', 'it did not promote itself');
  it.each<[string, FenceWay, readonly string[]]>([
    ['the old master was killed: chosen and promoted again', { kind: 'kill' }, ['choose', 'promote']],
    ['it lay dead', { kind: 'signal' }, ['choose', 'promote']],
    ['it was powered off: again too', { kind: 'plugin', method: 'x' }, ['fence_old_master', 'choose', 'promote']],
    ['nothing reached it: looked at again', { kind: 'owed' }, ['fence_old_master', 'choose', 'promote']],
  ])('%s', (_, fence, open) => {
    const at = '2026-03-01T12:00:00.000Z';
    const steps = STEPS(fence).map((step) => ({ step, state: 'done', begun: at, ended: at, note: null }) as const);
    const index = steps.findIndex(({ step }) => step.kind === 'promote');
    const next = settleStep(operation({ steps }), index, { kind: 'next_candidate', server: 'db2', error }, at);
    expect(next.steps.filter(({ state }) => state === 'pending').map(({ step }) => step.kind)).toEqual(open);
    expect(next).toMatchObject({ new_master: null, failed_candidates: ['db2'] });
  });
});

describe('the life of a step', () => {
  const at = '2026-03-01T12:00:00.000Z';
  const later = '2026-03-01T12:00:01.000Z';
  const fresh = operation({ steps: journal(STEPS({ kind: 'kill' })) });
  const { error } = fail('step_failed', 'no way', { hint: 'mend it' });

  it('the first that is pending is begun, and no other', () => {
    expect(nextStep(fresh)).toBe(0);
    const begun = beginNext(fresh, at);
    expect(begun.steps[0]).toMatchObject({ state: 'begun', begun: at, ended: null });
    expect(begun.steps.slice(1)).toEqual(fresh.steps.slice(1));
    expect(nextStep(begun)).toBe(1);
  });

  it('when none is pending the end is reached, and nothing is begun', () => {
    const over = operation({ steps: fresh.steps.map((one) => ({ ...one, state: 'done' as const })) });
    expect(nextStep(over)).toBe(over.steps.length);
    expect(beginNext(over, at)).toEqual(over);
  });

  it('done: with its note and what it changed of the operation', () => {
    const begun = beginNext(fresh, at);
    const done = {
      kind: 'done',
      note: 'killed',
      operation: (one: typeof begun) => ({ ...one, new_master: 'db2' }),
    } as const;
    const next = settleStep(begun, 0, done, later);
    expect(next.new_master).toBe('db2');
    expect(next.steps[0]).toMatchObject({ state: 'done', begun: at, ended: later, note: 'killed' });
    expect(next.steps.slice(1)).toEqual(begun.steps.slice(1));
    expect(settleStep(begun, 0, { kind: 'done', note: 'killed' }, later)).toEqual({
      ...next,
      new_master: begun.new_master,
    });
  });

  it.each(['failed', 'abort', 'refused', 'stop'] as const)('%s: what went wrong is noted', (kind) => {
    const next = settleStep(beginNext(fresh, at), 0, { kind, error }, later);
    expect(next.steps[0]).toMatchObject({ state: 'failed', ended: later, note: 'no way (mend it)' });
    expect(next.steps.slice(1)).toEqual(fresh.steps.slice(1));
  });

  it('one that was marked begun and has not been is pending again', () => {
    expect(reopenStep(beginNext(fresh, at), 0)).toEqual(fresh);
  });

  it.each<[FenceWay, boolean]>([
    [{ kind: 'signal' }, false],
    [{ kind: 'kill' }, false],
    [{ kind: 'plugin', method: 'x' }, true],
    [{ kind: 'owed' }, true],
  ])('fenced by %j: it may come back: %s', (way, expected) => {
    expect(mayComeBack(operation({ steps: journal(STEPS(way)) }))).toBe(expected);
  });

  it('a fencing that failed is owed from then on, and nothing else is otherwise', () => {
    const steps = journal(STEPS({ kind: 'plugin', method: 'x' }));
    expect(withFencingOwed(operation({ steps }))).toEqual(operation({ steps: journal(STEPS({ kind: 'owed' })) }));
  });
});
