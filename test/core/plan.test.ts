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

describe('what a switchover and a failover do, in words', () => {
  test('a switchover', () => {
    const plan = switchoverSteps({
      old_master: 'db1',
      new_master: 'db2',
      others: ['db3'],
      connection_method: 'multi_pgbouncer',
      remaster: true,
    });
    expect(plan.map(describeStep)).toEqual([
      'checkpoint db1, db2, so that the shutdown has little left to write',
      'let the clients wait, with multi_pgbouncer; if that takes too long, they go on and nothing is stopped',
      'stop db1 fast, with standby.signal left first; it is down when its control file says "shut down"',
      'prove that db2 holds everything up to the shutdown checkpoint; if not, start the old master again',
      'promote it',
      'prove that it takes writes',
      'record the new master in the saved state, then in the cluster table',
      'move the connections with multi_pgbouncer',
      'point the others of db3 at the new master, by reload',
      'start db1 as a replica of the new master, and prove that it streams',
      'run the extra failover commands',
    ]);
  });

  test('a failover', () => {
    expect(steps(FENCES.kill, { remaster: true, connection_failover_method: null }).map(describeStep)).toEqual([
      'fence db1: kill its processes and leave standby.signal',
      'stop the WAL receivers of db2, db3, so that nobody moves after the choice',
      'choose the new master: db2, best first, by their final positions',
      'promote it',
      'prove that it takes writes',
      'record the new master in the saved state, then in the cluster table',
      'point the others of db2, db3 at the new master, by reload',
      'run the extra failover commands',
    ]);
  });

  test.each([
    ['signal', 'fence db1: it is not running; leave standby.signal so that it cannot start writable'],
    ['plugin', 'fence db1 with fence_command'],
    ['owed', 'fence db1: nothing reaches it, so the fencing stays owed and is paid when it returns'],
  ] as const)('a fence of the kind %s', (kind, words) => {
    expect(describeStep({ kind: 'fence_old_master', server: 'db1', way: FENCES[kind] })).toBe(words);
  });

  test('for nobody', () => {
    expect(describeStep({ kind: 'stop_receivers', servers: [] })).toContain('the WAL receivers of no server,');
  });
});
