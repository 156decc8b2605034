import { describe, expect, it } from 'vitest';
import {
  type ProxyAnswer,
  connectionConcerns,
  dueWays,
  foldProxies,
  foldRouting,
  judgeProxy,
  routeOf,
  waysOf,
  withNothingOwed,
  withOwed,
  withRoute,
} from '../../src/core/connections.js';
import type { Route, SavedProxy, SavedState, ServerStatusName } from '../../src/core/model.js';
import { fail, ok } from '../../src/core/outcome.js';
import {
  CALM,
  type Change,
  def,
  iso,
  policy,
  proxyDef,
  savedProxy,
  savedServer,
  situation,
  state as stateOf,
} from './build.js';

const AT = iso(CALM + 1000);
const HOME: Route = { master: 'db1', replicas: ['db2', 'db3'] };
const OLD: Route = { master: 'db2', replicas: [] };
const METHOD = policy({ connection_failover_method: 'multi_pgbouncer' });

const with_ = (...proxies: readonly SavedProxy[]): Change =>
  stateOf({ proxies: Object.fromEntries(proxies.map((one) => [one.def.name, one])) });
const booted: Change = (s) => ({ ...s, manager: { ...s.manager, boot_id: 'boot-2' } });
const paused = stateOf({ pause: { since: iso(CALM), until: null, reason: 'work' } });
const disabled = savedProxy('pgb1', { def: proxyDef('pgb1', { enabled: false }), owed: AT });
const ill = (name: string, status: ServerStatusName): Change => {
  const { status: known } = savedServer(name);
  return (s) => {
    const servers = { ...s.state.servers, [name]: savedServer(name, { status: { ...known, status } }) };
    return { ...s, state: { ...s.state, servers } };
  };
};

type Row = readonly [when: string, due: readonly (string | null)[], ...changes: readonly Change[]];
const ROWS: readonly Row[] = [
  ['all is as it should be', [], METHOD, with_(savedProxy('pgb1'))],
  ['an operation could not finish', ['pgb1'], METHOD, with_(savedProxy('pgb1', { owed: AT }), savedProxy('pgb2'))],
  [
    'it was sent to another master, its readers are right',
    ['pgb1'],
    METHOD,
    with_(savedProxy('pgb1', { route: { ...HOME, master: 'db2' } })),
  ],
  ['no master is recorded', [], METHOD, with_(savedProxy('pgb1', { owed: AT })), def('db1', { role: 'replica' })],
  ['it was sent elsewhere', ['pgb1'], METHOD, with_(savedProxy('pgb1', { route: OLD }))],
  ['a replica became ill', ['pgb1'], METHOD, with_(savedProxy('pgb1')), ill('db3', 'lagged')],
  ['nothing was ever done with it', [], METHOD, with_(savedProxy('pgb1', { route: null }))],
  ['nothing was done, and it is owed', ['pgb1'], METHOD, with_(savedProxy('pgb1', { route: null, owed: AT }))],
  ['it is disabled', [], METHOD, with_(disabled)],
  ['no method is set', [], with_(savedProxy('pgb1', { owed: AT }))],
  ['rule 0: the first round since our host booted', [], METHOD, with_(savedProxy('pgb1', { owed: AT })), booted],
  ['automatic action is off, and an operation owes', ['pgb1'], METHOD, with_(savedProxy('pgb1', { owed: AT })), paused],
  ['automatic action is off, and a replica is ill', [], METHOD, with_(savedProxy('pgb1')), ill('db3', 'down'), paused],
  ['the method works without proxies', [null], METHOD, stateOf({ routing: { route: OLD, owed: null } })],
  ['it does, and nothing was ever done', [], METHOD],
];

describe('what a check does for the clients', () => {
  it.each(ROWS.map(([when, due, ...changes]) => ({ when, due, changes })))('$when: $due', ({ due, changes }) => {
    expect(dueWays(situation(...changes))).toEqual(due);
  });

  it('nothing while an operation is unfinished: that one does it', () => {
    const s = situation(METHOD, with_(savedProxy('pgb1', { owed: AT })));
    const operation = { id: 'x' } as SavedState['operation'];
    expect(dueWays({ ...s, state: { ...s.state, operation } })).toEqual([]);
  });
});

describe('where clients belong', () => {
  it.each<readonly [ServerStatusName, readonly string[]]>([
    ['healthy', ['db2', 'db3']],
    ['lagged', ['db2']],
    ['warning', ['db2']],
    ['unavailable', ['db2']],
    ['down', ['db2']],
    ['unknown', ['db2']],
  ])('db3 is %s: readers go to %s', (status, replicas) => {
    expect(routeOf(situation(ill('db3', status)).state)).toEqual({ master: 'db1', replicas });
  });
});

describe('what is put on record', () => {
  const { state } = situation(with_(savedProxy('pgb1', { route: OLD, owed: iso(CALM) }), savedProxy('pgb2')));

  it('since when a change is owed stays, until it is acknowledged', () => {
    const owed = withOwed(state, waysOf(state), AT);
    expect([owed.proxies['pgb1']?.owed, owed.proxies['pgb2']?.owed]).toEqual([iso(CALM), AT]);
    expect(owed.routing).toEqual({ route: null, owed: null });
    const done = withRoute(owed, 'pgb1', HOME);
    expect(done.proxies['pgb1']).toMatchObject({ route: HOME, owed: null });
    expect(done.proxies['pgb2']?.owed).toBe(AT);
  });

  it('a method without proxies has its own', () => {
    const none = { ...state, proxies: {} };
    const owed = withOwed(none, waysOf(none), AT);
    expect(owed.routing).toEqual({ route: null, owed: AT });
    expect(connectionConcerns(owed)).toEqual([`clients are to be moved to the master since ${AT}`]);
    expect(withNothingOwed(owed)?.routing).toEqual({ route: null, owed: null });
    expect(withNothingOwed(none)).toBeNull();
    expect(withRoute(owed, null, HOME).routing).toEqual({ route: HOME, owed: null });
  });
});

const refused = fail('sql_connect', 'pgb1: nothing listens', { cause: 'ECONNREFUSED' });
const astray = fail('plugin_failed', 'pgb1: it sends app to db2');
const waiting = fail('plugin_failed', 'pgb1: app is paused', { cause: 'paused' });

describe('a look at a proxy', () => {
  it.each<readonly [ServerStatusName, ProxyAnswer]>([
    ['healthy', ok('app goes to db1')],
    ['down', refused],
    ['unavailable', fail('sql_connect', 'no answer', { cause: 'ETIMEDOUT' })],
    ['unavailable', fail('sql_timeout', 'no answer')],
    ['unavailable', fail('ssh_connect', 'no route to host')],
    ['unavailable', fail('command_timeout', 'its command does not end')],
    ['warning', fail('sql_connect', 'no such user', { cause: '28P01' })],
    ['warning', astray],
  ])('is %s', (status, answer) => {
    expect(judgeProxy(answer, AT)).toMatchObject({ status, status_ts: AT });
  });

  it.each<readonly [string, Partial<SavedProxy>, ProxyAnswer, boolean, boolean]>([
    ['is where it should be', {}, ok('well'), false, false],
    ['goes elsewhere', {}, astray, false, true],
    ['goes elsewhere, automatic action off', {}, astray, true, false],
    ['goes elsewhere, and HandyRep never sent it anywhere', { route: null }, astray, false, false],
    ['lets clients wait, and HandyRep never sent it anywhere', { route: null }, waiting, false, true],
    ['is disabled', { def: proxyDef('pgb1', { enabled: false }) }, astray, false, false],
  ])('%s', (_, change, answer, isPaused, owed) => {
    const { state } = situation(with_(savedProxy('pgb1', change)), ...(isPaused ? [paused] : []));
    expect(foldProxies(state, { pgb1: answer }, AT)['pgb1']?.owed).toBe(owed ? AT : null);
  });

  it.each<readonly [string, Route | null, ProxyAnswer | undefined, boolean]>([
    ['is where it should be', HOME, ok('well'), false],
    ['is elsewhere', HOME, astray, true],
    ['is elsewhere, and HandyRep never brought it anywhere', null, astray, false],
    ['was not looked at', HOME, undefined, false],
  ])('of a method without proxies %s', (_, route, answer, owed) => {
    const { state } = situation(stateOf({ routing: { route, owed: null } }));
    expect(foldRouting(state, answer, AT)).toEqual({ route, owed: owed ? AT : null });
    const { state: off } = situation(stateOf({ routing: { route, owed: null } }), paused);
    expect(foldRouting(off, answer, AT)).toEqual({ route, owed: null });
  });

  it('colours the cluster', () => {
    const down = judgeProxy(refused, AT);
    const { state } = situation(with_(savedProxy('pgb1', { status: down }), savedProxy('pgb2', { owed: AT })));
    expect(connectionConcerns(state)).toEqual([
      'the proxy pgb1 is down: pgb1: nothing listens',
      `the proxy pgb2 is healthy, and to be changed since ${AT}: as it should be`,
    ]);
    expect(connectionConcerns(situation(with_({ ...disabled, status: down })).state)).toEqual([]);
    const unseen = savedProxy('pgb1', { status: { ...down, status: 'unknown' } });
    const routing = stateOf({ routing: { route: null, owed: AT } });
    // What a method without proxies once owed says nothing where there are proxies.
    expect(connectionConcerns(situation(with_(unseen), routing).state)).toEqual([]);
  });
});
