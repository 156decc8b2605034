import { describe, expect, it } from 'vitest';
import { settleStep } from '../../src/core/journal.js';
import type { FenceWay } from '../../src/core/model.js';
import { fail } from '../../src/core/outcome.js';
import { failoverSteps } from '../../src/core/plan.js';
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
