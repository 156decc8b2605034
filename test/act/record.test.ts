import { describe, expect, test } from 'vitest';
import { withNewMaster, withStreaming } from '../../src/act/record.js';
import type { ServerObservation } from '../../src/core/observation.js';
import { MASTER_LSN, NOW, factsOf, iso, lsn, observation, situation } from '../core/build.js';

const { state: before } = situation();
const change = {
  new_master: 'db2',
  old_master: 'db1',
  timeline: 2,
  lsn: MASTER_LSN,
  at: iso(NOW),
  fenced: true,
  reason: 'by hand',
  moves_clients: false,
};

function follower(server: string, facts: Parameters<typeof factsOf>[1] = {}): ServerObservation {
  return observation(server, 'accepting', factsOf('replica', facts));
}

describe('a new master on record', () => {
  test('what is known of the other replicas still holds', () => {
    const { servers } = withNewMaster(before, change);
    expect([servers['db1']?.calm, servers['db2']?.calm]).toEqual([null, null]);
    expect(servers['db3']?.calm).toEqual(before.servers['db3']?.calm);
  });

  test.each<[string, Partial<typeof change>, boolean]>([
    ['its timeline has the number of its predecessor’s', { timeline: 1 }, true],
    ['it has an older one', { timeline: 0 }, true],
    ['it has the next one', { timeline: 2 }, false],
    ['it was on record already', { timeline: 1, new_master: 'db1' }, false],
  ])('nobody is a candidate of a master until it streams from it, where %s', (_, shape, expected) => {
    const { servers } = withNewMaster(before, { ...change, ...shape });
    expect(servers['db3']?.calm === null).toBe(expected);
  });

  test('nothing is known of the last position: nothing is taken back', () => {
    const { servers } = withNewMaster({ ...before, master_position: null }, { ...change, timeline: 1 });
    expect(servers['db3']?.calm).not.toBeNull();
  });
});

describe('replicas that were seen to follow it', () => {
  test('are candidates on its timeline from then on, and nobody else is', () => {
    const state = withNewMaster(before, change);
    const after = withStreaming(state, [follower('db3', { timeline: 2, lsn: lsn(MASTER_LSN + 5n) })]);
    expect(after.servers['db3']?.calm).toMatchObject({
      streaming: true,
      timeline: 2,
      lsn: MASTER_LSN + 5n,
      at: iso(NOW),
    });
    expect({ ...after, servers: { ...after.servers, db3: state.servers['db3'] } }).toEqual(state);
  });

  test('are known servers of this cluster', () => {
    expect(withStreaming(before, [follower('db9')])).toEqual(before);
    const stranger = withStreaming(before, [follower('db3', { system_identifier: '666' })]);
    expect(stranger.servers['db3']?.calm?.streaming).toBe(false);
  });
});
