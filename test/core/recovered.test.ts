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
  def,
  hostLost,
  notAsked,
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
  ['an operator vouches for it, and each of its replicas is one', true, [crashed, onDemand()]],
  [
    'an operator vouches for it, and a replica does not answer',
    false,
    [crashed, answers('db2', 'timeout'), onDemand()],
  ],
  ['an operator vouches for it, and a replica is down', false, [crashed, answers('db3', 'refused'), onDemand()]],
  ['an operator vouches for it, and a replica tells nothing', false, [crashed, withoutFacts('db2'), onDemand()]],
  ['an operator vouches for it, and a replica was not looked at', false, [crashed, notAsked('db2'), onDemand()]],
  ['an operator insists', true, [crashed, answers('db2', 'timeout'), onDemand({ force: true })]],
  ['an operator asks for a switchover, and its master takes writes', true, [answers('db2', 'timeout'), onDemand()]],
  [
    'a replica that is disabled does not answer',
    true,
    [crashed, def('db2', { enabled: false }), answers('db2', 'timeout'), onDemand()],
  ],
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
  if (refusal !== null) {
    expect(refusal.code).toBe(s.on_demand === null ? 'state_unreadable' : 'unsafe');
    expect(refusal.hint).toMatch(/handyrep adopt/);
  }
});

test('the refusal names who may be the master since', () => {
  const s = situation(crashed, answers('db2', 'timeout'), onDemand());
  expect(refuseRecovered(s, decide(s, furthestAhead))?.message).toContain(
    'a server that may have been promoted since is not seen to be a replica (db2: timeout (answer timeout))',
  );
});
