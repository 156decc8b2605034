import { describe, expect, test } from 'vitest';
import type { Rebuild, SavedState, ServerDef } from '../../src/core/model.js';
import type { ServerObservation, SqlFacts } from '../../src/core/observation.js';
import {
  enableHint,
  enableProblems,
  needsLook,
  refuseAlteration,
  refuseSecondMaster,
  refuseWithoutMaster,
  removeQuestion,
  withoutServer,
} from '../../src/core/server-rules.js';
import { NOW, OTHER_SYSTEM, QUIET, factsOf, iso, observation, savedServer, serverDef, situation } from './build.js';

const STATE = situation().state;
const FORMER = { server: 'db3', since: iso(NOW), reason: '', timeline: 2, fenced: null, rejoin_failures: 0 };

const master = (facts: Partial<SqlFacts> = {}): ServerObservation =>
  observation('db1', 'accepting', factsOf('master', facts));
const replica = (facts: Partial<SqlFacts> = {}): ServerObservation =>
  observation('db3', 'accepting', factsOf('replica', facts));

describe('a replica may take part', () => {
  const problems = (seen: ServerObservation | null, state: SavedState = STATE): readonly string[] =>
    enableProblems(state, serverDef('db3', { enabled: false }), {
      db1: master(),
      ...(seen === null ? {} : { db3: seen }),
    });

  test('when it streams on the timeline of the master', () => {
    expect(problems(replica())).toEqual([]);
  });

  test.each<[string, ServerObservation | null, readonly string[]]>([
    ['it was not asked', null, ['it was not looked at']],
    ['it is down', observation('db3', 'refused'), ['it does not let us in: db3: refused (answer refused)']],
    ['it starts', observation('db3', 'starting'), ['it does not let us in: db3: starting (answer starting)']],
    ['it tells nothing of itself', observation('db3', 'accepting'), ['it does not let us in: db3: accepting']],
    ['it takes writes', observation('db3', 'accepting', factsOf('master')), ['it is not in recovery: it takes writes']],
    ['it does not stream', replica({ receiver: { kind: 'none' } }), ['it does not stream: it has no WAL receiver']],
    [
      'it waits',
      replica({ receiver: { ...QUIET, status: 'waiting' } }),
      ['it does not stream: its WAL receiver is waiting'],
    ],
    [
      'it is hidden',
      replica({ receiver: { kind: 'hidden' } }),
      ['its WAL receiver cannot be seen: our role needs pg_monitor'],
    ],
    ['it is behind a fork', replica({ timeline: 3 }), ['it is on timeline 3, the master is on 1']],
    [
      'all of it is wrong',
      replica({ system_identifier: OTHER_SYSTEM, receiver: { kind: 'none' }, timeline: 9 }),
      [
        `its system identifier is ${OTHER_SYSTEM}, the cluster's is ${STATE.system_identifier ?? ''}`,
        'it does not stream: it has no WAL receiver',
        'it is on timeline 9, the master is on 1',
      ],
    ],
  ])('not when %s', (_name, seen, expected) => {
    expect(problems(seen)).toEqual(expected);
  });

  test.each([replica(), replica({ system_identifier: null })])('not while the cluster is not known', (seen) => {
    expect(problems(seen, { ...STATE, system_identifier: null })[0]).toContain("the cluster's is unknown");
  });

  test('when it streams and its timeline, or that of the master, is not told', () => {
    expect(problems(replica({ timeline: null }))).toEqual([]);
    expect(enableProblems(STATE, serverDef('db3'), { db3: replica({ timeline: 9 }) })).toEqual([]);
    expect(enableProblems(STATE, serverDef('db3'), { db1: master({ timeline: null }), db3: replica() })).toEqual([]);
  });
});

test('a master that is in recovery may not take part as one, whomever it streams from', () => {
  const seen = { db1: observation('db1', 'accepting', factsOf('replica', { receiver: { kind: 'none' } })) };
  expect(enableProblems(STATE, serverDef('db1'), seen)).toEqual(['it is in recovery: it takes no writes']);
});

test('what is to be done first: a former master is rejoined, another one is cloned', () => {
  const former = { ...STATE, former_masters: [FORMER, { ...FORMER, server: 'db9' }] };
  expect(enableHint(former, serverDef('db3'))).toContain('handyrep rejoin db3');
  expect(enableHint(former, serverDef('db2'))).toContain('handyrep clone db2');
});

describe('a change of a definition', () => {
  const alter = (
    name: string,
    change: Partial<ServerDef>,
    live: ServerObservation | null,
    from: Partial<ServerDef> = {},
  ): string | null =>
    refuseAlteration(STATE, { from: serverDef(name, from), to: serverDef(name, { ...from, ...change }), live })
      ?.message ?? null;

  test.each<[string, Partial<ServerDef>, Partial<ServerDef>, boolean]>([
    ['a setting', { lag_limit: 1 }, {}, false],
    ['the address of an enabled server', { port: 1 }, {}, true],
    ['the host of an enabled server', { hostname: 'x' }, {}, true],
    ['the address of a disabled server', { port: 1 }, { enabled: false }, false],
    ['a role', { role: 'master' }, { enabled: false }, true],
  ])('%s', (_name, change, from, expected) => {
    expect(needsLook(serverDef('db2', from), serverDef('db2', { ...from, ...change }))).toBe(expected);
  });

  test.each<[string, string, Partial<ServerDef>, ServerObservation | null, string | null]>([
    ['a setting needs no look', 'db1', { lag_limit: 1 }, null, null],
    ['the master answers at its new address', 'db1', { port: 1 }, master(), null],
    [
      'it does not',
      'db1',
      { port: 1 },
      observation('db1', 'refused'),
      'db1.example.com:1 is not db1: it does not let us in',
    ],
    [
      'another cluster does',
      'db1',
      { port: 1 },
      master({ system_identifier: OTHER_SYSTEM }),
      'its system identifier is',
    ],
    [
      'a replica does',
      'db1',
      { port: 1 },
      observation('db1', 'accepting', factsOf('replica')),
      'it is in recovery: it takes no writes',
    ],
    [
      'a second master',
      'db3',
      { role: 'master' },
      observation('db3', 'accepting', factsOf('master')),
      'db1 is the master',
    ],
    [
      'the master by a stroke of the pen',
      'db1',
      { role: 'replica' },
      master(),
      'db1 is no replica: it is not in recovery',
    ],
    [
      'a master that really is one no more',
      'db1',
      { role: 'replica' },
      observation('db1', 'accepting', factsOf('replica')),
      null,
    ],
  ])('%s', (_name, name, change, live, expected) => {
    if (expected === null) expect(alter(name, change, live)).toBeNull();
    else expect(alter(name, change, live)).toContain(expected);
  });
});

test('a change that is refused says what to do: of an address, and of a role', () => {
  const hint = (change: Partial<ServerDef>, live: ServerObservation): string | undefined =>
    refuseAlteration(STATE, { from: serverDef('db1'), to: serverDef('db1', change), live })?.hint;
  expect(hint({ port: 1 }, observation('db1', 'refused'))).toContain('must answer at its new address first');
  expect(hint({ role: 'replica' }, master())).toContain('a record changes no server');
});

test('a second master is one beside a disabled one too', () => {
  expect(refuseSecondMaster(STATE, serverDef('db4', { role: 'replica' }))).toBeNull();
  expect(refuseSecondMaster(STATE, serverDef('db1'))).toBeNull();
  const disabled = {
    ...STATE,
    servers: { ...STATE.servers, db1: savedServer('db1', { def: serverDef('db1', { enabled: false }) }) },
  };
  expect(refuseSecondMaster(disabled, serverDef('db4', { role: 'master' }))?.message).toContain('db1 is the master');
});

test('the master is neither disabled nor removed', () => {
  expect(refuseWithoutMaster(STATE, 'db1', 'disabled')?.message).toContain('db1 is the master and cannot be disabled');
  expect(refuseWithoutMaster(STATE, 'db2', 'removed')).toBeNull();
});

test('what is forgotten with a server, and what is said before', () => {
  const owed = { ...STATE, former_masters: [FORMER] };
  expect(removeQuestion(STATE, 'db3')).not.toContain('fencing');
  expect(removeQuestion(owed, 'db3')).toContain('its fencing is owed');
  expect(removeQuestion(owed, 'db2')).not.toContain('fencing');
  expect(removeQuestion({ ...STATE, former_masters: [{ ...FORMER, fenced: iso(NOW) }] }, 'db3')).not.toContain(
    'fencing',
  );
});

test('with a server is forgotten what was owed to it, and nothing that is owed to others', () => {
  const rebuild: Rebuild = {
    server: 'db3',
    kind: 'clone',
    method: 'clone_basebackup',
    source: 'db1',
    run: 'r',
    begun: iso(NOW),
    owner: { pid: 1, started: '', host: '', machine: '', boot_id: '' },
    touched: true,
    broken: 'killed',
  };
  const [other, others] = [
    { ...FORMER, server: 'db2' },
    { ...rebuild, server: 'db2' },
  ];
  const after = withoutServer({ ...STATE, former_masters: [FORMER, other], rebuilds: [rebuild, others] }, 'db3');
  expect(Object.keys(after.servers)).toEqual(['db1', 'db2']);
  expect(after.former_masters).toEqual([other]);
  expect(after.rebuilds).toEqual([others]);
});
