import { describe, expect, test } from 'vitest';
import { abandonQuestion, judgeAbandonment, withAbandoned } from '../../src/core/abandon.js';
import type { JournalledStep, Operation, StepKind } from '../../src/core/model.js';
import type { ServerObservation } from '../../src/core/observation.js';
import { failoverSteps, journal } from '../../src/core/plan.js';
import { resume } from '../../src/core/resume.js';
import { MASTER_LSN, NOW, factsOf, iso, observation, operation, situation } from './build.js';

const STEPS = journal(
  failoverSteps({
    old_master: 'db1',
    fence: { kind: 'signal' },
    candidates: [{ server: 'db2', lsn: MASTER_LSN, timeline: 1 }],
    replicas: ['db2', 'db3'],
    connection_method: null,
    remaster: true,
  }),
);

/** Killed in the step of this kind. */
function killedIn(kind: StepKind): Operation {
  const at = STEPS.findIndex((one) => one.step.kind === kind);
  const steps = STEPS.map((one, index): JournalledStep => ({
    ...one,
    state: index < at ? 'done' : index === at ? 'begun' : 'pending',
  }));
  const chosen = at > STEPS.findIndex((one) => one.step.kind === 'choose');
  return operation({ steps, new_master: chosen ? 'db2' : null });
}

const PROMOTED = observation('db2', 'accepting', factsOf('master', { timeline: 2 }));
const REPLICA = observation('db2', 'accepting', factsOf('replica'));
const GONE = observation('db2', 'timeout');

function judge(kind: StepKind, seen: ServerObservation): { readonly kind: string; readonly asks: boolean } | string {
  const one = killedIn(kind);
  const judged = judgeAbandonment(one, resume(one, { db2: seen }));
  if (!judged.ok) return judged.error.code;
  return { kind: judged.value.kind, asks: abandonQuestion(one, judged.value) !== null };
}

describe('giving up a failover that was killed in', () => {
  test.each([
    ['fence_old_master', REPLICA, { kind: 'roll_back', asks: false }],
    ['choose', GONE, { kind: 'roll_back', asks: false }],
    ['promote', GONE, { kind: 'give_up', asks: true }],
    ['promote', REPLICA, { kind: 'give_up', asks: true }],
    ['promote', PROMOTED, 'unsafe'],
    ['prove_writes', PROMOTED, 'unsafe'],
    ['record', GONE, { kind: 'give_up', asks: true }],
    ['record', PROMOTED, 'unsafe'],
    ['remaster', PROMOTED, { kind: 'leave_out', asks: true }],
    ['remaster', GONE, { kind: 'leave_out', asks: true }],
  ] as const)('%s, the chosen one seen as %o', (kind, seen, expected) => {
    expect(judge(kind, seen)).toEqual(expected);
  });
});

describe('what is left behind', () => {
  const { state } = situation();
  const at = iso(NOW);

  test('the server that was asked is a disabled former master whose fencing is owed', () => {
    const one = killedIn('promote');
    const after = withAbandoned({ ...state, operation: one }, one, {
      abandonment: { kind: 'give_up', server: 'db2', why: 'gone' },
      at,
    });
    expect(after.operation).toBeNull();
    expect(after.servers['db2']?.def).toMatchObject({ enabled: false, role: 'replica' });
    expect(after.former_masters).toMatchObject([{ server: 'db2', since: at, fenced: null }]);
    expect(after.history[0]).toMatchObject({ id: one.id, ended: at, result: 'FAIL', details: 'given up: gone' });
  });

  test('a recorded master stays the master', () => {
    const one = killedIn('remaster');
    const after = withAbandoned({ ...state, operation: one }, one, {
      abandonment: { kind: 'leave_out', why: 'recorded' },
      at,
    });
    expect(after).toEqual({ ...state, operation: null, history: after.history });
    expect(after.history).toHaveLength(1);
  });
});
