import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { JournalledStep, Operation, StepKind, StepState } from '../../src/core/model.js';
import type { ServerObservation } from '../../src/core/observation.js';
import { failoverSteps, journal, switchoverSteps } from '../../src/core/plan.js';
import { type Resumption, resume } from '../../src/core/resume.js';
import { MASTER_LSN, factsOf, observation, operation } from './build.js';

const CANDIDATE = { server: 'db2', lsn: MASTER_LSN, timeline: 1 };
const STEPS = journal(
  failoverSteps({
    old_master: 'db1',
    fence: { kind: 'signal' },
    candidates: [CANDIDATE],
    replicas: ['db2', 'db3'],
    connection_method: 'haproxy_update',
    remaster: true,
  }),
);
const KINDS = STEPS.map((one) => one.step.kind);
const PROMOTE = KINDS.indexOf('promote');
const CHOOSE = KINDS.indexOf('choose');

/** The journal as it was when the run died: `at` steps behind it, then one in this state. */
function interrupted(at: number, state: StepState, failed: readonly StepKind[] = []): Operation {
  const steps = STEPS.map((one, index): JournalledStep => {
    if (index < at)
      return { ...one, state: failed.includes(one.step.kind) ? 'failed' : 'done', begun: 'b', ended: 'e' };
    return index === at ? { ...one, state, begun: state === 'pending' ? null : 'b' } : one;
  });
  return operation({ steps, new_master: at > CHOOSE ? 'db2' : null });
}

const SEEN = {
  promoted: observation('db2', 'accepting', factsOf('master', { timeline: 2 })),
  replica: observation('db2', 'accepting', factsOf('replica')),
  untold: observation('db2', 'accepting'),
  saturated: observation('db2', 'saturated'),
  refused: observation('db2', 'refused'),
  timeout: observation('db2', 'timeout'),
  'not looked at': null,
} as const satisfies Record<string, ServerObservation | null>;
type Seen = keyof typeof SEEN;

function judged(one: Operation, seen: Seen): Resumption {
  const look = SEEN[seen];
  return resume(one, look === null ? {} : { db2: look });
}

describe('killed', () => {
  it.each<[StepKind, StepState, Seen, Resumption['kind']]>([
    ['fence_old_master', 'begun', 'replica', 'roll_back'],
    ['choose', 'begun', 'replica', 'roll_back'],
    ['promote', 'pending', 'replica', 'roll_back'],
    ['promote', 'begun', 'replica', 'forward'],
    ['promote', 'begun', 'promoted', 'forward'],
    ['promote', 'begun', 'timeout', 'wait'],
    ['promote', 'begun', 'not looked at', 'wait'],
    ['promote', 'begun', 'untold', 'wait'],
    ['promote', 'failed', 'promoted', 'forward'],
    ['promote', 'failed', 'refused', 'wait'],
    ['record', 'begun', 'promoted', 'forward'],
    ['record', 'begun', 'saturated', 'wait'],
    ['extra_commands', 'begun', 'promoted', 'forward'],
  ])('when %s was %s, and the chosen server is seen as %s: %s', (kind, state, seen, expected) => {
    expect(judged(interrupted(KINDS.indexOf(kind), state), seen).kind).toBe(expected);
  });

  test('after the promotion, with the promotion not journalled as done: it is not done again', () => {
    const resumed = judged(interrupted(PROMOTE, 'begun'), 'promoted');
    expect(resumed.kind === 'forward' ? resumed.operation.steps[PROMOTE]?.state : null).toBe('done');
  });

  test('after the promotion: what is behind it is still to be done, and what was begun is done again', () => {
    const resumed = judged(interrupted(PROMOTE, 'begun'), 'promoted');
    const later = resumed.kind === 'forward' ? resumed.operation.steps.slice(PROMOTE + 1) : [];
    expect(later.map((one) => one.state)).toEqual(KINDS.slice(PROMOTE + 1).map(() => 'pending'));
    const recording = judged(interrupted(KINDS.indexOf('record'), 'begun'), 'promoted');
    expect(recording.kind === 'forward' ? recording.operation.steps[KINDS.indexOf('record')]?.state : null).toBe(
      'pending',
    );
  });

  test('asked, and nobody chosen: there is nobody to look at', () => {
    expect(judged({ ...interrupted(PROMOTE, 'begun'), new_master: null }, 'promoted').kind).toBe('roll_back');
  });

  test('before the promotion took hold: it is asked again', () => {
    const resumed = judged(interrupted(PROMOTE, 'begun'), 'replica');
    expect(resumed.kind === 'forward' ? resumed.operation.steps[PROMOTE]?.state : null).toBe('pending');
  });
});

test.each<[old: string, seen: ServerObservation | null, Resumption['kind']]>([
  ['was not looked at', null, 'forward'],
  ['is dead', observation('db1', 'refused'), 'forward'],
  ['is out of reach', observation('db1', 'timeout'), 'forward'],
  ['came up as a replica', observation('db1', 'accepting', factsOf('replica')), 'forward'],
  ['takes writes again', observation('db1', 'accepting', factsOf('master')), 'take_back'],
  ['answers and tells nothing', observation('db1', 'accepting'), 'wait'],
  ['has no connection left', observation('db1', 'saturated'), 'wait'],
  ['starts', observation('db1', 'starting'), 'wait'],
  ['rejects us', observation('db1', 'rejected'), 'wait'],
])('asked, and still in recovery, while the old master %s', (_, old, expected) => {
  const servers = { db2: SEEN.replica, ...(old === null ? {} : { db1: old }) };
  const resumed = resume(interrupted(PROMOTE, 'begun'), servers);
  expect(resumed.kind).toBe(expected);
  if (resumed.kind === 'take_back') expect(resumed.server).toBe('db2');
  // What has been promoted is not undone, whoever else is back: the rest of the failover and rule 3 see to that.
  expect(resume(interrupted(PROMOTE, 'begun'), { ...servers, db2: SEEN.promoted }).kind).toBe('forward');
});

describe('a switchover that was killed', () => {
  const plan = { old_master: 'db1', new_master: 'db2', others: ['db3'], connection_method: null, remaster: true };
  const steps = journal(switchoverSteps(plan));
  it.each<[StepKind, StepState, Seen, Resumption['kind']]>([
    ['checkpoint', 'begun', 'replica', 'roll_back'],
    ['stop_old_master', 'begun', 'replica', 'roll_back'],
    ['prove_candidate', 'begun', 'replica', 'roll_back'],
    ['promote', 'pending', 'replica', 'roll_back'],
    ['promote', 'begun', 'replica', 'forward'],
    ['promote', 'begun', 'timeout', 'wait'],
    ['record', 'begun', 'promoted', 'forward'],
    ['return_old_master', 'begun', 'promoted', 'forward'],
  ])('when %s was %s, and the candidate is seen as %s: %s', (kind, state, seen, expected) => {
    const at = steps.findIndex((one) => one.step.kind === kind);
    const journalled = steps.map((one, index): JournalledStep => {
      const done = index < at ? 'done' : 'pending';
      return { ...one, state: index === at ? state : done };
    });
    expect(judged(operation({ kind: 'switchover', steps: journalled, new_master: 'db2' }), seen).kind).toBe(expected);
  });
});

test('whatever was done: no way back after the promotion began, no other choice, no step twice', () => {
  const prefix = fc.record({
    at: fc.nat(KINDS.length - 1),
    state: fc.constantFrom<StepState>('pending', 'begun', 'done', 'failed'),
    failed: fc.subarray<StepKind>(['prove_writes', 'move_connections', 'remaster']),
    seen: fc.constantFrom(...(Object.keys(SEEN) as Seen[])),
  });
  fc.assert(
    fc.property(prefix, ({ at, state, failed, seen }) => {
      const before = interrupted(at, state, failed);
      const resumed = judged(before, seen);
      const promoting = at > PROMOTE || (at === PROMOTE && state !== 'pending');
      expect(resumed.kind === 'roll_back').toBe(!promoting);
      expect(resumed.why).not.toBe('');
      if (resumed.kind !== 'forward') return;
      const { steps, new_master } = resumed.operation;
      expect(new_master).toBe('db2');
      expect(steps.map((one) => one.step)).toEqual(before.steps.map((one) => one.step));
      // What comes next is the promotion or lies behind it, and nothing is left half begun.
      const next = steps.findIndex((one) => one.state === 'pending');
      expect(next === -1 || next >= PROMOTE).toBe(true);
      expect(steps.some((one) => one.state === 'begun')).toBe(false);
      if (seen === 'promoted') expect(steps[PROMOTE]?.state).toBe('done');
      before.steps.forEach((one, index) => {
        if (one.state === 'done') expect(steps[index]?.state).toBe('done');
      });
      // Killed as soon as the next step is journalled as begun, and resumed once more, it comes to the same.
      const killed = steps.map((one, index): JournalledStep => (index === next ? { ...one, state: 'begun' } : one));
      expect(judged({ ...resumed.operation, steps: killed }, seen)).toEqual(resumed);
    }),
    { numRuns: 2000, seed: 5 },
  );
});
