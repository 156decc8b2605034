import { expect, test } from 'vitest';
import { decide } from '../../src/core/decide.js';
import { refuseRecovered } from '../../src/core/recovered.js';
import { furthestAhead } from '../../src/core/select.js';
import {
  answers,
  asMaster,
  asReplica,
  type Change,
  crashed,
  hostLost,
  onDemand,
  retried,
  silent,
  situation,
  state,
  withoutFacts,
} from './build.js';

test.each<readonly [when: string, believed: boolean, changes: readonly Change[]]>([
  ['its master takes writes', true, []],
  ['its master answers, and is not asked for more', true, [withoutFacts('db1')]],
  ['its master is a replica now', false, [asReplica('db1')]],
  ['its master has crashed: it may not have been the master any more', false, [crashed]],
  ['nothing reaches its master', false, [hostLost]],
  ['its master starts', false, [answers('db1', 'starting')]],
  ['an operator vouches for it', true, [crashed, onDemand()]],
  ['another was promoted since, and that is proved', true, [silent(), retried, asMaster('db2', { timeline: 2 })]],
  [
    'another was promoted since, and this is the first round here',
    true,
    [silent(), retried, asMaster('db2', { timeline: 2 }), state({ clock: null })],
  ],
])('a recovered state, when %s', (_, believed, changes) => {
  const s = situation(...changes);
  const refusal = refuseRecovered(s, decide(s, furthestAhead));
  expect(refusal === null).toBe(believed);
  if (refusal !== null) expect([refusal.code, refusal.hint !== undefined]).toEqual(['state_unreadable', true]);
});
