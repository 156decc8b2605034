import { describe, expect, test } from 'vitest';
import type { SavedState } from '../../src/core/model.js';
import type { Receiver, ServerObservation, TimelineHistory } from '../../src/core/observation.js';
import { refuseRemaster, remasterPair } from '../../src/core/remaster-rules.js';
import {
  MASTER_LSN,
  NOW,
  OTHER_SYSTEM,
  QUIET,
  factsOf,
  iso,
  lsn,
  observation,
  savedServer,
  serverDef,
  situation,
  rebuildOf,
} from './build.js';

const state = (change: Partial<SavedState> = {}): SavedState => ({ ...situation().state, ...change });

function pair(replica: string, to: string | null = null, change: Partial<SavedState> = {}): unknown {
  const found = remasterPair({ state: state(change), replica, to });
  return found.ok ? [found.value.replica.name, found.value.target.name] : found.error.message;
}

describe('who is meant', () => {
  test.each([
    ['db3', null, ['db3', 'db1']],
    ['db3', 'db2', ['db3', 'db2']],
    ['db1', 'db2', 'db1 is the master: it follows nobody'],
    ['db2', 'db2', 'db2 cannot follow itself'],
    ['db9', null, 'there is no server db9'],
    ['db2', 'db9', 'there is no server db9'],
    ['constructor', null, 'there is no server constructor'],
  ])('%s to %s', (replica, to, expected) => {
    expect(pair(replica, to)).toEqual(expected);
  });

  test('a disabled server is followed by nobody', () => {
    const db2 = savedServer('db2', { def: serverDef('db2', { enabled: false }) });
    expect(pair('db3', 'db2', { servers: { ...state().servers, db2 } })).toBe('db2 is disabled: nobody follows it');
    expect(pair('db2', 'db1', { servers: { ...state().servers, db2 } })).toEqual(['db2', 'db1']);
  });

  test('without a recorded master it must be named', () => {
    const { db2, db3 } = state().servers;
    if (db2 === undefined || db3 === undefined) throw new Error('no replicas');
    expect(pair('db3', null, { servers: { db2, db3 } })).toBe('no master is recorded');
  });
});

const from = (name: string): Extract<Receiver, { kind: 'running' }> => ({
  ...QUIET,
  sender_host: serverDef(name).hostname,
  sender_port: serverDef(name).port,
});

const MASTER = observation('db1', 'accepting', factsOf('master'));
const REPLICA = observation('db3', 'accepting', factsOf('replica', { receiver: from('db1') }));

interface Row {
  readonly to?: string;
  readonly seen?: readonly ServerObservation[];
  readonly history?: TimelineHistory;
  readonly own_history?: TimelineHistory;
  readonly change?: Partial<SavedState>;
}

function refused({ to = 'db1', seen = [], history, own_history, change = {} }: Row): string | null {
  const all = Object.fromEntries([MASTER, REPLICA, ...seen].map((one) => [one.server, one]));
  const view = {
    state: state(change),
    replica: serverDef('db3'),
    target: serverDef(to),
    seen: all,
    history: history ?? null,
    own_history: own_history ?? null,
  };
  return refuseRemaster(view)?.message ?? null;
}

const second = (facts: Parameters<typeof factsOf>[1]): ServerObservation =>
  observation('db2', 'accepting', factsOf('replica', facts));
const onTimeline = (timeline: number): ServerObservation =>
  observation('db1', 'accepting', factsOf('master', { timeline }));
const FORKED_BEHIND: TimelineHistory = { timeline: 2, forks: [{ timeline: 1, lsn: lsn(MASTER_LSN + 100n) }] };
const FORKED_BEFORE: TimelineHistory = { timeline: 2, forks: [{ timeline: 1, lsn: lsn(1) }] };

const third = (facts: Parameters<typeof factsOf>[1]): ServerObservation =>
  observation('db3', 'accepting', factsOf('replica', facts));
const idle = (facts: Parameters<typeof factsOf>[1]): ServerObservation =>
  third({ receiver: { kind: 'none' }, ...facts });
const BOTH_ON_2 = [onTimeline(2), third({ timeline: 2 })];

describe('whether it can follow', () => {
  test.each<[string, Row]>([
    ['the master', {}],
    ['a replica that follows the master', { to: 'db2', seen: [second({ receiver: from('db1') })] }],
    ['a replica that follows nobody', { to: 'db2', seen: [second({ receiver: { kind: 'none' } })] }],
    ['one that follows nobody, as far as the master is', { seen: [idle({ lsn: MASTER_LSN })] }],
    ['one that streams, and came further meanwhile', { seen: [third({ lsn: lsn(MASTER_LSN + 1n) })] }],
    [
      'a replica behind which it is',
      { to: 'db2', seen: [second({ lsn: MASTER_LSN }), idle({ lsn: lsn(MASTER_LSN + 1n) })] },
    ],
    ['the same timeline by the same history', { seen: BOTH_ON_2, history: FORKED_BEHIND, own_history: FORKED_BEHIND }],
    ['a timeline whose history the replica does not tell', { seen: BOTH_ON_2, history: FORKED_BEHIND }],
    ['a timeline whose history only the replica tells', { seen: BOTH_ON_2, own_history: FORKED_BEHIND }],
    ['a master on a newer timeline that left its own behind it', { seen: [onTimeline(2)], history: FORKED_BEHIND }],
  ])('%s: yes', (_name, row) => {
    expect(refused(row)).toBeNull();
  });

  test.each<[string, Row, string]>([
    ['a target that is down', { seen: [observation('db1', 'refused')] }, 'db1 must answer: db1: refused'],
    ['a replica that is down', { seen: [observation('db3', 'timeout')] }, 'db3 must answer: db3: timeout'],
    ['one that takes writes', { seen: [observation('db3', 'accepting', factsOf('master'))] }, 'db3 is not in recovery'],
    [
      'another cluster',
      { seen: [observation('db3', 'accepting', factsOf('replica', { system_identifier: OTHER_SYSTEM }))] },
      'db3 is not of this cluster',
    ],
    [
      'a target of another cluster',
      { to: 'db2', seen: [second({ system_identifier: OTHER_SYSTEM })] },
      'db2 is not of this cluster',
    ],
    [
      'a second master',
      { to: 'db2', seen: [observation('db2', 'accepting', factsOf('master'))] },
      'db2 accepts writes and is not the recorded master',
    ],
    [
      'its own follower',
      { to: 'db2', seen: [second({ receiver: from('db3') })] },
      'db3 would follow itself: db2 streams from db3',
    ],
    ['a diverged replica', { seen: [onTimeline(2)], history: FORKED_BEFORE }, 'db3 has diverged'],
    [
      'a replica on another timeline of the same number',
      { seen: BOTH_ON_2, history: FORKED_BEHIND, own_history: FORKED_BEFORE },
      'db3 has diverged: its timeline 2 began elsewhere than the one that it would follow',
    ],
    [
      'a replica that follows nobody and is ahead of the master',
      { seen: [idle({ lsn: lsn(MASTER_LSN + 1n) })] },
      'db3 has diverged: it is at 0/5000001 of timeline 1, and the master of that timeline is at 0/5000000',
    ],
    ['no history', { seen: [onTimeline(2)] }, 'db1 does not tell the history of its timeline 2'],
    [
      'a target on an older timeline',
      {
        to: 'db2',
        seen: [second({ timeline: 1 }), observation('db3', 'accepting', factsOf('replica', { timeline: 2 }))],
      },
      'db2 is on timeline 1, older than',
    ],
    [
      'an unknown position',
      { seen: [observation('db3', 'accepting', factsOf('replica', { lsn: null }))] },
      'is not known',
    ],
  ])('%s: no', (_name, row, message) => {
    expect(refused(row)).toContain(message);
  });

  test('a ring of three is found', () => {
    const ring = [
      second({ receiver: from('db4') }),
      observation('db4', 'accepting', factsOf('replica', { receiver: from('db3') })),
    ];
    const servers = { ...state().servers, db4: savedServer('db4') };
    expect(refused({ to: 'db2', seen: ring, change: { servers } })).toBe(
      'db3 would follow itself: db2 streams from db4, which streams from db3',
    );
  });

  test('its last known timeline counts where it shows an older one', () => {
    const calm = { at: iso(NOW), streaming: true, lsn: MASTER_LSN, timeline: 2, application_name: 'db3' };
    const servers = { ...state().servers, db3: savedServer('db3', { calm }) };
    expect(refused({ seen: [onTimeline(2)], history: FORKED_BEFORE, change: { servers } })).toBeNull();
  });
});

describe('what else keeps a replica where it is', () => {
  const REBUILD = rebuildOf('db3');

  test('it is being made anew, or was left half made; another one is not held by that', () => {
    expect(pair('db3', null, { rebuilds: [REBUILD] })).toContain('db3 must not be pointed elsewhere');
    expect(pair('db3', null, { rebuilds: [{ ...REBUILD, broken: 'killed' }] })).toContain('was broken off (killed)');
    expect(pair('db3', null, { rebuilds: [{ ...REBUILD, server: 'db2' }] })).toEqual(['db3', 'db1']);
  });

  const nameless = { system_identifier: null };
  test.each<[string, Row, string]>([
    ['a target that was not looked at', { to: 'db2' }, 'db2 was not looked at'],
    ['a target that tells nothing of itself', { seen: [observation('db1', 'accepting')] }, 'db1 must answer'],
    ['the cluster is not known yet', { change: nameless }, 'ours is unknown'],
    [
      'nobody tells which cluster it is of',
      {
        seen: [
          observation('db1', 'accepting', factsOf('master', nameless)),
          observation('db3', 'accepting', factsOf('replica', nameless)),
        ],
        change: nameless,
      },
      'its system identifier is unknown',
    ],
    [
      'the target does not tell its timeline',
      { seen: [observation('db1', 'accepting', factsOf('master', { timeline: null }))] },
      'is not known',
    ],
    [
      'its own timeline is told nowhere',
      {
        seen: [observation('db3', 'accepting', factsOf('replica', { timeline: null }))],
        change: { servers: { ...state().servers, db3: savedServer('db3', { calm: null }) } },
      },
      'is not known',
    ],
  ])('%s', (_name, row, message) => {
    expect(refused(row)).toContain(message);
  });

  test('a ring in which it has no part does not', () => {
    const ring = [
      second({ receiver: from('db4') }),
      observation('db4', 'accepting', factsOf('replica', { receiver: from('db2') })),
    ];
    expect(
      refused({ to: 'db2', seen: ring, change: { servers: { ...state().servers, db4: savedServer('db4') } } }),
    ).toBeNull();
  });

  test('whom a server streams from is told by its port too', () => {
    const neighbour = savedServer('db4', {
      def: serverDef('db4', { hostname: serverDef('db3').hostname, port: 5433 }),
    });
    const upstream: Receiver = { ...from('db3'), sender_port: 5433 };
    expect(
      refused({
        to: 'db2',
        seen: [second({ receiver: upstream })],
        change: { servers: { ...state().servers, db4: neighbour } },
      }),
    ).toBeNull();
  });
});
