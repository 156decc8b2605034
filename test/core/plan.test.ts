import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { FenceWay, Step, StepKind, StepState } from '../../src/core/model.js';
import {
  describeStep,
  failoverSteps,
  isPastPromotion,
  journal,
  planFrom,
  switchoverSteps,
} from '../../src/core/plan.js';
import { DEFAULT_POLICY, MASTER_LSN } from './build.js';

const CANDIDATE = { server: 'db2', lsn: MASTER_LSN, timeline: 1 };
const FENCES: Readonly<Record<FenceWay['kind'], FenceWay>> = {
  signal: { kind: 'signal' },
  kill: { kind: 'kill' },
  plugin: { kind: 'plugin', method: 'fence_command' },
  owed: { kind: 'owed' },
};
const ALWAYS: readonly StepKind[] = [
  'fence_old_master',
  'stop_receivers',
  'choose',
  'promote',
  'prove_writes',
  'record',
];

function steps(
  fence: FenceWay,
  change: { remaster: boolean; connection_failover_method: string | null },
): readonly Step[] {
  const parts = { old_master: 'db1', fence, candidates: [CANDIDATE], replicas: ['db2', 'db3'] } as const;
  return failoverSteps(planFrom(parts, { ...DEFAULT_POLICY, ...change }));
}

describe('the steps of a failover', () => {
  it.each([
    [true, 'haproxy_update', ['move_connections', 'remaster', 'extra_commands']],
    [true, null, ['remaster', 'extra_commands']],
    [false, 'haproxy_update', ['move_connections', 'extra_commands']],
    [false, null, ['extra_commands']],
  ])('remaster %s, connections %s', (remaster, connection_failover_method, rest) => {
    const kinds = steps(FENCES.kill, { remaster, connection_failover_method }).map((step) => step.kind);
    expect(kinds).toEqual([...ALWAYS, ...rest]);
  });

  test.each([
    {
      commands: [],
      force: false,
      first: 'fence_old_master',
      words: 'fence db1: kill its processes and leave standby.signal',
    },
    {
      commands: ['a', 'b'],
      force: false,
      first: 'before_commands',
      words: 'run a, b: each may veto, and then nothing is changed',
    },
    {
      commands: ['a'],
      force: true,
      first: 'before_commands',
      words: 'run a; a veto is noted and not obeyed (--force)',
    },
  ])('begin with those who may veto: $commands, force $force', ({ first, words, ...hook }) => {
    const parts = { old_master: 'db1', fence: FENCES.kill, candidates: [CANDIDATE], replicas: ['db2'] } as const;
    const [step] = failoverSteps(planFrom(parts, DEFAULT_POLICY), hook);
    expect(step?.kind).toBe(first);
    expect(step === undefined ? '' : describeStep(step)).toBe(words);
    const [handover] = switchoverSteps(
      { ...parts, new_master: 'db2', others: [], connection_method: null, remaster: true },
      hook,
    );
    expect(handover?.kind).toBe(hook.commands.length === 0 ? 'checkpoint' : 'before_commands');
  });

  test('fence before they promote, whatever the plan, and every step has words', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.values(FENCES)),
        fc.boolean(),
        fc.option(fc.string({ minLength: 1 })),
        (fence, remaster, connection_failover_method) => {
          const all = steps(fence, { remaster, connection_failover_method });
          const kinds = all.map((step) => step.kind);
          expect(all[0]).toEqual({ kind: 'fence_old_master', server: 'db1', way: fence });
          expect(kinds.indexOf('choose')).toBeLessThan(kinds.indexOf('promote'));
          expect(kinds.filter((kind) => kind === 'promote')).toHaveLength(1);
          expect(new Set(kinds).size).toBe(kinds.length);
          expect(all.every((step) => describeStep(step) !== '')).toBe(true);
        },
      ),
    );
  });
});

test.each<[StepState, boolean]>([
  ['pending', false],
  ['begun', true],
  ['done', true],
  ['failed', true],
])('a promotion that is %s: nobody may be left unpromoted is %s', (state, past) => {
  const all = journal(steps(FENCES.signal, { remaster: true, connection_failover_method: null }));
  expect(isPastPromotion(all.map((one) => (one.step.kind === 'promote' ? { ...one, state } : one)))).toBe(past);
});
