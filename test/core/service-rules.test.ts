import { describe, expect, test } from 'vitest';
import type { HostLook } from '../../src/core/observation.js';
import { refuseStart, refuseStop, stopQuestion } from '../../src/core/service-rules.js';
import type { Rebuild, SavedState } from '../../src/core/model.js';
import {
  DEFAULT_POLICY,
  NOW,
  OTHER_SYSTEM,
  control,
  factsOf,
  iso,
  lsn,
  observation,
  situation,
  rebuildOf,
} from './build.js';

type Looked = Extract<HostLook, { readonly kind: 'looked' }>;

function host(server: string, change: Partial<Looked> = {}): Looked {
  return {
    kind: 'looked',
    server,
    postmaster: { kind: 'not_running' },
    port: 'cannot_look',
    control: control('shut down'),
    standby_signal: server !== 'db1',
    free_bytes: null,
    detail: '',
    ...change,
  };
}

const state = (change: Partial<SavedState> = {}): SavedState => ({ ...situation().state, ...change });

function rebuild(change: Partial<Rebuild>): Rebuild {
  return rebuildOf('db2', { kind: 'rejoin', method: 'rejoin_rewind', touched: false, begun: iso(NOW), ...change });
}

const FORMER = { server: 'db3', since: iso(NOW), reason: '', timeline: 2, fenced: null, rejoin_failures: 0 };
const writer = observation('db2', 'accepting', factsOf('master', { timeline: 2 }));
const replica = (timeline: number) => observation('db2', 'accepting', factsOf('replica', { timeline }));

describe('start', () => {
  test.each([
    ['a replica with standby.signal', 'db2', {}, {}, []],
    ['the recorded master without it', 'db1', {}, {}, []],
    ['the master, while a replica answers on its timeline', 'db1', {}, {}, [replica(1)]],
    [
      'a replica whose rebuild was broken off before it touched anything',
      'db2',
      {},
      { rebuilds: [rebuild({ broken: 'ctrl-C' })] },
      [],
    ],
    ['a fenced former master: it comes up read only', 'db3', {}, { former_masters: [FORMER] }, []],
    ['a replica while another one is made anew', 'db2', {}, { rebuilds: [rebuild({ server: 'db3' })] }, []],
    ['a replica whose control file cannot be read', 'db2', { control: null }, {}, []],
    ['the master whose control file cannot be read', 'db1', { control: null }, {}, [replica(1)]],
    [
      'the master of whose timeline nothing is known',
      'db1',
      { control: null },
      { master_position: null },
      [replica(2)],
    ],
    ['a replica of a cluster that is not known yet', 'db2', {}, { system_identifier: null }, []],
    ['the master that takes writes already', 'db1', {}, {}, [observation('db1', 'accepting', factsOf('master'))]],
    ['the master, while a replica is down', 'db1', {}, {}, [observation('db2', 'refused')]],
    [
      'the master, while a server of another cluster is on a newer timeline',
      'db1',
      {},
      {},
      [observation('db2', 'accepting', factsOf('replica', { timeline: 9, system_identifier: OTHER_SYSTEM }))],
    ],
  ] as const)('%s may be', (_name, server, look, change, seen) => {
    const view = {
      state: state(change),
      server,
      host: host(server, look),
      seen: Object.fromEntries(seen.map((one) => [one.server, one])),
    };
    expect(refuseStart(view)).toBeNull();
  });

  test.each([
    [
      'a replica without standby.signal',
      'db2',
      { standby_signal: false },
      { former_masters: [FORMER] },
      [],
      'would come up as a master beside db1',
      'or `handyrep clone db2`',
    ],
    [
      'a former master without it',
      'db3',
      { standby_signal: false },
      { former_masters: [FORMER, { ...FORMER, server: 'db2' }] },
      [],
      'would come up as a master beside db1',
      'make it a replica again with `handyrep rejoin db3`',
    ],
    [
      'the recorded master with it',
      'db1',
      { standby_signal: true },
      {},
      [],
      'it would come up read only',
      'handyrep promote NAME',
    ],
    [
      'the master, while another server takes writes',
      'db1',
      {},
      {},
      [writer],
      'db2 accepts writes',
      'handyrep failover-check',
    ],
    [
      'the master, while a replica is on a newer timeline',
      'db1',
      {},
      {},
      [replica(2)],
      'db2 is on timeline 2',
      'handyrep failover-check',
    ],
    [
      'the master whose control file cannot be read, while a replica is on a newer timeline than was recorded',
      'db1',
      { control: null },
      {},
      [replica(2)],
      'db2 is on timeline 2',
      'handyrep failover-check',
    ],
    [
      'another cluster',
      'db2',
      { control: control('shut down', { system_identifier: OTHER_SYSTEM }) },
      {},
      [],
      "is another cluster's",
      'pgdata',
    ],
    [
      'one that is being rebuilt',
      'db2',
      {},
      { rebuilds: [rebuild({})] },
      [],
      `begun at ${iso(NOW)}, is under way`,
      'wait for its end',
    ],
    [
      'one that was half rebuilt',
      'db2',
      {},
      { rebuilds: [rebuild({ touched: true, broken: 'killed' })] },
      [],
      'was broken off (killed)',
      'handyrep rejoin db2',
    ],
  ] as const)('%s is refused', (_name, server, look, change, seen, message, hint) => {
    const view = {
      state: state(change),
      server,
      host: host(server, look),
      seen: Object.fromEntries(seen.map((one) => [one.server, one])),
    };
    const refusal = refuseStart(view);
    expect(refusal?.code).toBe('unsafe');
    expect(refusal?.message).toContain(message);
    expect(refusal?.hint).toContain(hint);
  });

  test('without a recorded master nothing may come up writable', () => {
    const { servers, ...rest } = situation().state;
    const db1 = servers['db1'];
    if (db1 === undefined) throw new Error('no db1');
    const none = { ...rest, servers: { ...servers, db1: { ...db1, def: { ...db1.def, enabled: false } } } };
    expect(refuseStart({ state: none, server: 'db1', host: host('db1'), seen: {} })?.message).toContain(
      'no master is recorded',
    );
  });

  test('a control file that lags behind a recorded promotion does not count', () => {
    const position = { at: iso(NOW), server: 'db1', timeline: 2, lsn: lsn(1) };
    const view = {
      state: state({ master_position: position }),
      server: 'db1',
      host: host('db1'),
      seen: { db2: replica(2) },
    };
    expect(refuseStart(view)).toBeNull();
    const another = state({ master_position: { ...position, server: 'db9' } });
    expect(refuseStart({ ...view, state: another })?.message).toContain('db2 is on timeline 2');
  });
});

describe('stop', () => {
  test('only a rebuild that is under way forbids it', () => {
    expect(refuseStop(state(), 'db2')).toBeNull();
    expect(refuseStop(state({ rebuilds: [rebuild({ touched: true, broken: 'x' })] }), 'db2')).toBeNull();
    expect(refuseStop(state({ rebuilds: [rebuild({})] }), 'db3')).toBeNull();
    expect(refuseStop(state({ rebuilds: [rebuild({})] }), 'db2')?.message).toContain('a rejoin of it is under way');
  });

  const pause = { since: iso(NOW), until: null, reason: '' };
  test.each([
    ['db2', 'stop', {}, {}, null],
    ['db2', 'restart', {}, {}, null],
    ['db1', 'restart', {}, {}, 'nobody can write until it is back'],
    ['db1', 'stop', {}, {}, 'the next failover-check fails over to a replica, unless `handyrep pause` comes first'],
    ['db1', 'stop', { pause }, {}, 'no failover follows while automatic action is paused'],
    ['db1', 'stop', { pause: { ...pause, until: iso(NOW - 1) } }, {}, 'the next failover-check fails over'],
    ['db1', 'stop', {}, { auto_failover: false }, 'auto_failover is false'],
  ] as const)('%s, %s, %o, %o: asks %s', (server, action, change, policy, expected) => {
    const asked = stopQuestion(state(change), { ...DEFAULT_POLICY, ...policy }, { server, action, now: NOW });
    if (expected === null) expect(asked).toBeNull();
    else expect(asked).toContain(expected);
  });
});
