import { expect, test } from 'vitest';
import { chooseNow } from '../../src/core/choice.js';
import { mayComeBack } from '../../src/core/journal.js';
import type { FenceWay } from '../../src/core/model.js';
import { failoverSteps, journal } from '../../src/core/plan.js';
import { furthestAhead } from '../../src/core/select.js';
import {
  type Change,
  MASTER_LSN,
  answers,
  asMaster,
  asReplica,
  hostLost,
  lsn,
  operation,
  policy,
  situation,
  state,
} from './build.js';

function fencedBy(way: FenceWay): Change {
  const candidates = [{ server: 'db2', lsn: MASTER_LSN, timeline: 1 }] as const;
  const plan = {
    old_master: 'db1',
    fence: way,
    candidates,
    replicas: ['db2', 'db3'],
    connection_method: null,
    remaster: true,
  };
  return state({ operation: operation({ steps: journal(failoverSteps(plan)) }) });
}

const OWED = fencedBy({ kind: 'owed' });
const POWER = fencedBy({ kind: 'plugin', method: 'fence_command' });
const KILLED = fencedBy({ kind: 'kill' });

test.each<readonly [when: string, chosen: string | null, changes: readonly Change[]]>([
  ['nothing is known of an old master whose fencing is owed', 'db2', [OWED]],
  ['one got more since the decision', 'db3', [OWED, asReplica('db3', { lsn: lsn(MASTER_LSN + 10n) })]],
  ['an old master that nothing fenced takes writes again', null, [OWED, asMaster('db1')]],
  ['it starts', null, [OWED, answers('db1', 'starting')]],
  ['it came up as a replica', 'db2', [OWED, asReplica('db1')]],
  ['its power is back, and it starts', null, [POWER, answers('db1', 'starting')]],
  ['it was killed with standby.signal left, and starts', 'db2', [KILLED, answers('db1', 'starting')]],
  ['too much would be lost by now', null, [OWED, policy({ max_data_loss: 'none' })]],
  ['nobody is fit any more', null, [OWED, answers('db2', 'timeout'), answers('db3', 'timeout')]],
])('%s', (_, chosen, changes) => {
  const choice = chooseNow(situation(hostLost, ...changes), furthestAhead);
  expect(choice.ok ? choice.value.server : null).toBe(chosen);
  if (!choice.ok) expect(choice.error.message).not.toBe('');
});

test.each<readonly [FenceWay, boolean]>([
  [{ kind: 'owed' }, true],
  [{ kind: 'plugin', method: 'fence_command' }, true],
  [{ kind: 'signal' }, false],
  [{ kind: 'kill' }, false],
])('an old master fenced by %o may come back: %s', (way, expected) => {
  const { operation: one } = situation(fencedBy(way)).state;
  expect(one !== null && mayComeBack(one)).toBe(expected);
});
