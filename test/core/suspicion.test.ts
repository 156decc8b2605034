import { describe, expect, it } from 'vitest';
import { type Testimony, laterThan, managerSickness, weighWitness } from '../../src/core/suspicion.js';
import {
  type Change,
  NOW,
  QUIET,
  TROUBLE,
  answers,
  asReplica,
  calm,
  def,
  hostLost,
  port,
  situation,
  state,
  where,
} from './build.js';
import type { ManagerObservation, Receiver } from '../../src/core/observation.js';

type Row = readonly [when: string, ...changes: readonly Change[]];

function heard(change: Partial<Extract<Receiver, { kind: 'running' }>>): Change {
  return asReplica('db2', { receiver: { ...QUIET, ...change } });
}

const cannotLook = port('db2', 'cannot_look');

/** Every testimony, with everything that amounts to it. */
const TESTIMONY: Readonly<Record<Testimony, readonly [Row, ...Row[]]>> = {
  sees_it: [
    ['its host reaches the port', port('db2', 'reaches')],
    ['a message came since the trouble began', heard({ receipt_age_ms: 1000 })],
    [
      'a message came, although its host cannot reach the port',
      port('db2', 'cannot_reach'),
      heard({ receipt_age_ms: 0 }),
    ],
    ['its host reaches the port, although it did not stream before', calm('db2', null), port('db2', 'reaches')],
    [
      'a message came, although it did not stream before',
      calm('db2', { streaming: false }),
      heard({ receipt_age_ms: 1000 }),
    ],
    ['a message came from an address that is no known server', heard({ receipt_age_ms: 1, sender_host: '192.0.2.9' })],
    ['a message came just after the trouble began', heard({ receipt_age_ms: NOW - TROUBLE - 1 })],
  ],
  agrees: [
    ['its host cannot reach the port, while its receiver still shows streaming', heard({ receipt_age_ms: 30_000 })],
    ['its host cannot reach the port, and SQL does not answer', answers('db2', 'timeout')],
    ['it has lost its WAL receiver', cannotLook, asReplica('db2', { receiver: { kind: 'none' } })],
    [
      'a cascaded replica: messages came from another replica',
      heard({ receipt_age_ms: 1, sender_host: 'db3.example.com' }),
    ],
    ['the last message came just as the trouble began', heard({ receipt_age_ms: NOW - TROUBLE })],
  ],
  silent: [
    ['its receiver shows streaming, and nothing came', cannotLook],
    ['its receiver cannot be seen', cannotLook, asReplica('db2', { receiver: { kind: 'hidden' } })],
    ['its receiver was not told', cannotLook, asReplica('db2', { receiver: null })],
    ['the age of the last message is unknown', cannotLook, heard({ receipt_age_ms: null })],
    ['its receiver waits', cannotLook, heard({ status: 'waiting', receipt_age_ms: 1 })],
    ['its host cannot resolve the name', port('db2', 'unresolved')],
    [
      'it is not known since when there is trouble',
      cannotLook,
      heard({ receipt_age_ms: 1 }),
      where({ trouble_since: null }),
    ],
  ],
  no_answer: [
    ['neither SQL nor its host answers', cannotLook, answers('db2', 'timeout')],
    ['it rejects us, and its host cannot look', cannotLook, answers('db2', 'rejected')],
  ],
  not_a_witness: [
    ['it was never seen streaming', calm('db2', null)],
    ['it was not streaming before the trouble', calm('db2', { streaming: false })],
    [
      'it was not streaming before, and has no receiver now',
      calm('db2', { streaming: false }),
      asReplica('db2', { receiver: { kind: 'none' } }),
    ],
  ],
};

describe.each(Object.entries(TESTIMONY))('a replica %s when', (testimony, rows) => {
  it.each(rows.map(([when, ...changes]) => ({ when, changes })))('$when', ({ changes }) => {
    const s = situation(hostLost, ...changes);
    const look = s.closer?.witnesses.find((one) => one.server === 'db2');
    const verdict = look === undefined ? null : weighWitness(s, look, 'db1');
    expect(verdict).toMatchObject({ server: 'db2', testimony });
    expect(verdict?.evidence.text).not.toBe('');
  });
});

it('knows a cascaded replica by the port too, where servers share a host', () => {
  const onOneHost = ['db1', 'db3'].map((name, index) => def(name, { hostname: '127.0.0.1', port: 6001 + index }));
  const from = (sender_port: number): string | undefined => {
    const s = situation(hostLost, ...onOneHost, heard({ receipt_age_ms: 1, sender_host: '127.0.0.1', sender_port }));
    return s.closer?.witnesses.map((look) => weighWitness(s, look, 'db1').testimony)[0];
  };
  expect([from(6001), from(6002)]).toEqual(['sees_it', 'agrees']);
});

describe('the manager is sick when', () => {
  const manager = { boot_id: 'boot-1', wall_ms: NOW, uptime_ms: 1_006_000, state_unwritable: null };
  const jumped = (by: number): Change => where({ manager: { ...manager, wall_ms: NOW + by } });
  const began = (ahead: number): NonNullable<ManagerObservation['began']> => ({
    wall_ms: NOW - 3000 + ahead,
    uptime_ms: manager.uptime_ms - 3000,
  });
  const meanwhile = (ahead: number): Change => where({ manager: { ...manager, began: began(ahead) } });
  const both = (by: number): Change => where({ manager: { ...manager, wall_ms: NOW + by, began: began(0) } });
  it.each<[string, Change, number]>([
    ['(it is well)', where({}), 0],
    ['it never made a round here', state({ clock: null }), 1],
    ['the host booted since the last round', where({ manager: { ...manager, boot_id: 'boot-2' } }), 1],
    ['the clock jumped ahead', jumped(10_001), 1],
    ['the clock jumped back', jumped(-10_001), 1],
    ['(the clock drifted a little)', jumped(10_000), 0],
    ['(the clock drifted back a little)', jumped(-10_000), 0],
    ['the state cannot be written', where({ manager: { ...manager, state_unwritable: 'ENOSPC' } }), 1],
    ['booted, and the disk is full', where({ manager: { ...manager, boot_id: 'b', state_unwritable: 'ENOSPC' } }), 2],
    ['the clock was set back during this check', meanwhile(1001), 1],
    ['the clock was set ahead during this check', meanwhile(-1001), 1],
    ['(the clock was set right by a second during this check)', meanwhile(1000), 0],
    ['(and ahead by a second)', meanwhile(-1000), 0],
    ['it jumped back since the last round, and all of it during this check', both(-10_001), 1],
  ])('%s', (_, change, reasons) => {
    expect(managerSickness(situation(change))).toHaveLength(reasons);
  });

  it.each([
    [3_600_000, 'the clock of this host jumped ahead by 3600 s since the last round'],
    [-12_400, 'the clock of this host jumped back by 12 s since the last round'],
  ])('it jumped by %i ms, and that is told', (by, text) => {
    expect(managerSickness(situation(jumped(by)))).toMatchObject([{ source: 'management host', text }]);
  });

  it('a later look of the same check knows when that began, and another one after it too', () => {
    const first = { ...manager, wall_ms: NOW - 5000, uptime_ms: manager.uptime_ms - 5000 };
    const second = laterThan(first, manager);
    expect(second).toEqual({ ...manager, began: { wall_ms: first.wall_ms, uptime_ms: first.uptime_ms } });
    expect(laterThan(second, { ...manager, wall_ms: NOW - 20_000 }).began).toEqual(second.began);
    const set = laterThan(second, { ...manager, wall_ms: NOW - 2400 });
    const text = 'the clock of this host jumped back by 2 s during this check';
    expect(managerSickness(situation(where({ manager: set })))).toMatchObject([{ text }]);
  });
});
