import { describe, expect, it, test } from 'vitest';
import { decide } from '../../src/core/decide.js';
import { type Remembered, type Round, rejudge, remember } from '../../src/core/remember.js';
import type { SavedState } from '../../src/core/model.js';
import type { ManagerObservation } from '../../src/core/observation.js';
import { furthestAhead } from '../../src/core/select.js';
import {
  CALM,
  type Change,
  MASTER_LSN,
  NOW,
  OTHER_SYSTEM,
  QUIET,
  SYSTEM,
  TROUBLE,
  answers,
  asMaster,
  asReplica,
  calm,
  crashed,
  def,
  hostLost,
  iso,
  lsn,
  notAsked,
  port,
  saved,
  savedProxy,
  silent,
  situation,
  state,
  where,
  withoutFacts,
  rebuildOf,
} from './build.js';

/** One round of looking, folded into the saved state. */
function remembered(changes: readonly Change[], change: Partial<Round> = {}): Remembered {
  const s = situation(...changes);
  const decision = decide(s, furthestAhead);
  return remember(s.state, {
    now: s.now,
    trouble_since: s.trouble_since,
    depth: 'poll',
    servers: s.servers,
    replication: {},
    issues: {},
    proxies: {},
    archive: {},
    manager: s.manager,
    decision,
    ...change,
  });
}

describe('a calm round', () => {
  const seen = [
    asMaster('db1', {
      lsn: lsn(0x6000000),
      sync: {
        setting: 'db2',
        commit: 'remote_apply',
        standbys: [{ application_name: 'db2', state: 'streaming', sync_state: 'sync', flush_lsn: null }],
      },
    }),
    asReplica('db2', { lsn: lsn(0x5ffff00), application_name: 'db2' }),
    asReplica('db3', { receiver: { kind: 'none' } }),
  ];

  test('records where the master is, and who is synchronous', () => {
    expect(remembered(seen).state).toMatchObject({
      last_poll: iso(NOW),
      last_verify: iso(CALM),
      master_position: { at: iso(NOW), server: 'db1', timeline: 1, lsn: lsn(0x6000000) },
      sync: {
        at: iso(NOW),
        setting: 'db2',
        commit: 'remote_apply',
        standbys: [{ application_name: 'db2', sync_state: 'sync' }],
      },
      clock: { boot_id: 'boot-1', wall_ms: NOW, uptime_ms: 1_006_000 },
    });
  });

  test('records who streams', () => {
    const { state: after } = remembered(seen);
    expect(after.servers['db2']?.calm).toEqual({
      at: iso(NOW),
      streaming: true,
      lsn: lsn(0x5ffff00),
      timeline: 1,
      application_name: 'db2',
    });
    expect(after.servers['db3']?.calm?.streaming).toBe(false);
    expect(after.servers['db1']?.calm).toBeNull();
  });

  test('records facts with their age and lag', () => {
    const { state: after } = remembered(seen);
    expect(after.servers['db2']?.facts).toMatchObject({ at: iso(NOW), lag_bytes: 0x100, streaming: true });
    expect(after.servers['db1']?.facts).toMatchObject({ in_recovery: false, lag_bytes: null, streaming: null });
  });

  test('tells a change once', () => {
    const { state: after, events } = remembered(seen);
    expect(events.map(({ category, server, alert }) => [category, server, alert])).toEqual([
      ['FAILURE', 'db3', 'status'],
      ['FAILURE', undefined, 'status'],
    ]);
    expect(after.cluster.status).toBe('warning');
  });
});

describe('who streams in the calm', () => {
  it.each<[string, Change, boolean]>([
    ['streaming', asReplica('db2'), true],
    ['catching up is not streaming', asReplica('db2', { receiver: { ...QUIET, status: 'catchup' } }), false],
    ['what cannot be seen is not assumed', asReplica('db2', { receiver: { kind: 'hidden' } }), false],
    ['a server that does not answer is not assumed to', answers('db2', 'timeout'), false],
    ['a server without facts neither', withoutFacts('db2'), false],
    ['another cluster does not', asReplica('db2', { system_identifier: OTHER_SYSTEM }), false],
    ['a master does not', asMaster('db2', { system_identifier: OTHER_SYSTEM }), false],
  ])('%s', (_, change, streaming) => {
    expect(remembered([change]).state.servers['db2']?.calm?.streaming).toBe(streaming);
  });
});

test('what a replica showed without its position is recorded as not known', () => {
  const bare = asReplica('db2', { lsn: null, timeline: null });
  const unknown = { streaming: true, lsn: null, timeline: null, application_name: null };
  expect(remembered([bare]).state.servers['db2']?.calm).toMatchObject(unknown);
  expect(remembered([answers('db2', 'timeout')]).state.servers['db2']?.calm).toMatchObject({
    ...unknown,
    streaming: false,
  });
});

describe('what was seen of a replica is recorded:', () => {
  const behind = { lsn: lsn(MASTER_LSN - 0x300n) };
  it.each<[string, number | null, boolean | null, ...Change[]]>([
    ['how far it is behind', 0x300, true, asReplica('db2', behind)],
    ['ahead of what the master said a moment before is not behind', 0, true, asReplica('db2', { lsn: lsn(0x6000000) })],
    ['no lag, when its position is not known', null, true, asReplica('db2', { lsn: null })],
    ['no lag, when the master tells none', null, true, asReplica('db2', behind), asMaster('db1', { lsn: null })],
    ['no lag, when the master does not answer', null, true, asReplica('db2', behind), answers('db1', 'timeout')],
    ['no lag of one that takes writes', null, null, asMaster('db2', behind)],
    ['that it does not stream', 0, false, asReplica('db2', { receiver: { kind: 'none' } })],
    ['that it only catches up', 0, false, asReplica('db2', { receiver: { ...QUIET, status: 'catchup' } })],
    ['that nobody can tell whether it streams', 0, null, asReplica('db2', { receiver: { kind: 'hidden' } })],
  ])('%s', (_, lag_bytes, streaming, ...changes) => {
    expect(remembered(changes).state.servers['db2']?.facts).toMatchObject({ at: iso(NOW), lag_bytes, streaming });
  });
});

test('a replica that is too far behind by its replication_status_method is lagged', () => {
  const replication = { db2: { lagged: true, lag_bytes: 9, message: 'behind' } };
  expect(remembered([], { replication, depth: 'verify' }).state.servers['db2']?.status.status).toBe('lagged');
});

describe('nothing of the calm is touched', () => {
  it.each<[string, ...Change[]]>([
    ['in trouble', crashed],
    ['with the master out of reach', hostLost],
    ['while the master is saturated', answers('db1', 'saturated')],
    ['while the master rejects us', answers('db1', 'rejected')],
    ['with two masters', asMaster('db2')],
    ['when the master tells no facts', withoutFacts('db1')],
    ['when the master was not looked at', notAsked('db1')],
    ['with the master on an old timeline', asReplica('db2', { timeline: 2 })],
    ['when this HandyRep is not the active one', where({ active: { active: false, detail: 'elsewhere' } })],
  ])('%s', (_, ...changes) => {
    const kept = changes.filter((one) => typeof one !== 'string');
    const before = situation(...kept).state;
    const after = remembered(kept).state;
    expect(after.master_position).toEqual(before.master_position);
    expect(after.sync).toEqual(before.sync);
    expect(after.servers['db2']?.calm).toEqual(before.servers['db2']?.calm);
    expect(after.last_poll).toBe(iso(NOW));
    expect(after.clock?.wall_ms).toBe(NOW);
  });
});

test('a partial poll leaves the others as they are', () => {
  const { state: after } = remembered([notAsked('db3')]);
  expect(after.servers['db3']).toEqual(situation().state.servers['db3']);
});

test('a disabled server keeps its last status', () => {
  const { state: after } = remembered([def('db3', { enabled: false }), answers('db3', 'refused')]);
  expect(after.servers['db3']?.status.status).toBe('healthy');
});

test('facts of a server that is down now are kept, with their age', () => {
  const facts = {
    at: iso(CALM),
    in_recovery: true,
    timeline: 1,
    lsn: MASTER_LSN,
    lag_bytes: 0,
    streaming: true,
    version: 150_018,
    took: 7,
  };
  expect(remembered([saved('db2', { facts }), answers('db2', 'refused')]).state.servers['db2']?.facts).toEqual(facts);
});

test('the system identifier is taken from the master once, in the calm', () => {
  const unknown = state({ system_identifier: null });
  expect(remembered([unknown]).state.system_identifier).toBe(SYSTEM);
  expect(remembered([unknown, crashed]).state.system_identifier).toBeNull();
  const other = asMaster('db1', { system_identifier: OTHER_SYSTEM });
  expect(remembered([other]).state.system_identifier).toBe(SYSTEM);
});

test.each([{ lsn: null }, { timeline: null, lsn: lsn(0x6000000) }])(
  'the position of a calm round is kept when the master does not tell a new one: %o',
  (facts) => {
    const before = situation().state.master_position;
    expect(remembered([asMaster('db1', facts)]).state.master_position).toEqual(before);
  },
);

test('who was synchronous is forgotten when the master of a calm round does not tell', () => {
  expect(remembered([asMaster('db1', { sync: null })]).state.sync).toBeNull();
});

test('a verify is remembered as one, and a poll is none', () => {
  expect(remembered([]).state.last_verify).toBe(iso(CALM));
  expect(remembered([], { depth: 'verify' }).state.last_verify).toBe(iso(NOW));
});

describe('the cluster is', () => {
  const rebuild = (broken: string | null): Change =>
    state({
      rebuilds: [rebuildOf('db9', { broken })],
    });
  const former = { server: 'db9', since: iso(CALM), reason: 'replaced', timeline: 2, rejoin_failures: 0 };
  it.each<[string, ...Change[]]>([
    ['healthy'],
    ['warning', answers('db2', 'refused')],
    ['healthy', answers('db2', 'refused'), def('db2', { enabled: false })],
    ['warning', state({ former_masters: [{ ...former, fenced: null }] })],
    ['warning', state({ former_masters: [{ ...former, fenced: iso(CALM) }] })],
    ['healthy', rebuild(null)],
    ['warning', rebuild('killed')],
    ['warning', answers('db1', 'saturated')],
    ['warning', answers('db1', 'rejected')],
    ['down', answers('db1', 'starting')],
    ['down', crashed],
    ['unknown', answers('db1', 'unresolved')],
    ['unknown', hostLost, calm('db2', null), calm('db3', null)],
  ])('%s (%#)', (status, ...changes) => {
    const { cluster } = remembered(changes.filter((one) => typeof one !== 'string')).state;
    expect(cluster).toMatchObject({ status, status_ts: iso(NOW) });
    expect(cluster.status_message).not.toBe('');
  });
});

describe('what is done after a round shows in the status of the cluster, and nowhere else', () => {
  const former = { server: 'db9', since: iso(CALM), reason: 'replaced', timeline: 2, rejoin_failures: 0 };
  const astray = state({ proxies: { pgb1: savedProxy('pgb1', { owed: iso(CALM) }) } });
  const mended = { pgb1: savedProxy('pgb1') };
  it.each<[string, string, string, Change, Partial<SavedState>, string[]]>([
    ['a proxy was mended', 'warning', 'healthy', astray, { proxies: mended }, ['RECOVERY']],
    ['a proxy could not be mended', 'warning', 'warning', astray, {}, []],
    [
      'a former master was fenced',
      'warning',
      'warning',
      state({ former_masters: [{ ...former, fenced: null }] }),
      { former_masters: [{ ...former, fenced: iso(NOW) }] },
      [],
    ],
  ])('%s: it was %s, is %s', (_, was, is, change, done, expected) => {
    const s = situation(change);
    const { state: kept } = remembered([change]);
    expect(kept.cluster.status).toBe(was);
    const after = rejudge({ ...kept, ...done }, decide(s, furthestAhead), NOW);
    expect(after.state).toEqual({ ...kept, ...done, cluster: after.state.cluster });
    expect(after.state.cluster).toMatchObject({ status: is, status_ts: iso(NOW) });
    expect(after.events.map(({ category }) => category)).toEqual(expected);
  });

  it('in the words too', () => {
    const { state: kept } = remembered([state({ former_masters: [{ ...former, fenced: null }] })]);
    expect(kept.cluster.status_message).toBe('the former master db9 is not fenced: it is stopped when it returns');
    const fenced = { ...kept, former_masters: [{ ...former, fenced: iso(NOW) }] };
    const { cluster } = rejudge(fenced, decide(situation(), furthestAhead), NOW).state;
    expect(cluster.status_message).toBe('the former master db9 is fenced and waits to be made a replica again');
  });
});

describe('a change raises', () => {
  const was = (status: 'down' | 'unknown' | 'healthy'): Change =>
    saved('db2', { status: { status, status_no: 0, status_ts: iso(CALM), status_message: '' } });
  it.each<[string, Change, Change, string[]]>([
    ['nothing', was('healthy'), asReplica('db2'), []],
    ['an alert for a failure', was('healthy'), answers('db2', 'refused'), ['FAILURE!']],
    ['an alert for a recovery', was('down'), asReplica('db2'), ['RECOVERY!']],
    ['no alert for a first look', was('unknown'), asReplica('db2'), ['STATUS']],
    ['nothing the second time', was('down'), answers('db2', 'refused'), []],
  ])('%s', (_, before, now, expected) => {
    const { events } = remembered([before, now]);
    const own = events.filter(({ server }) => server === 'db2');
    expect(own.map(({ category, alert }) => category + (alert === 'status' ? '!' : ''))).toEqual(expected);
    expect(own.every(({ category, iserror }) => (iserror === true) === (category === 'FAILURE'))).toBe(true);
  });
});

describe('since when the master is proved to be dead', () => {
  const EARLIER = iso(TROUBLE - 60_000);
  const before = state({ silent_since: EARLIER });
  test.each<readonly [when: string, since: string | null, changes: readonly Change[]]>([
    ['it is found crashed', iso(NOW), [crashed]],
    ['it was found crashed by an earlier run', EARLIER, [before, crashed]],
    ['it answers again', null, [before]],
    ['only we and the replicas do not reach it: it may take writes of others', null, [before, hostLost]],
    ['a replica reaches it', null, [before, crashed, port('db2', 'reaches')]],
    ['nobody else was asked', EARLIER, [before, silent()]],
    ['the trouble is ours', EARLIER, [before, answers('db1', 'unresolved')]],
  ])('%s', (_, since, changes) => {
    expect(remembered(changes).state.silent_since).toBe(since);
  });
});

describe('whether our host was booted since the master was last seen well', () => {
  const manager = { boot_id: 'boot-2', wall_ms: NOW, uptime_ms: 5000, state_unwritable: null };
  const same = { ...manager, boot_id: 'boot-1', uptime_ms: 1_000_000 + NOW - CALM };
  const since = state({ rebooted_since_calm: true });
  it.each<[string, boolean, readonly Change[], ManagerObservation]>([
    ['it was, and the master is silent', true, [crashed], manager],
    ['it was before an earlier round, which saw no master either', true, [crashed, since], same],
    ['it was not', false, [crashed], same],
    ['it was, and the master is well', false, [], manager],
    ['it was before an earlier round, and the master is well', false, [since], same],
    ['no round was ever made here', true, [crashed, state({ clock: null })], manager],
  ])('%s', (_, expected, changes, at) => {
    expect(remembered(changes, { manager: at }).state.rebooted_since_calm).toBe(expected);
  });
});

test('after a jump of our clock, what was seen before is as old as it was', () => {
  const HOUR = 3_600_000;
  const manager = { boot_id: 'boot-1', wall_ms: NOW - HOUR, uptime_ms: 1_000_000 + NOW - CALM, state_unwritable: null };
  const sync = { at: iso(CALM), setting: 'db2', commit: 'on', standbys: [] };
  const { state: after } = remembered([state({ sync, silent_since: iso(TROUBLE) }), crashed], { manager });
  expect(after.master_position?.at).toBe(iso(CALM - HOUR));
  expect(after.sync?.at).toBe(iso(CALM - HOUR));
  expect(after.silent_since).toBe(iso(TROUBLE - HOUR));
});

test('a jump of our clock breaks nothing where nothing was on record', () => {
  const manager = { boot_id: 'boot-1', wall_ms: NOW - 3_600_000, uptime_ms: 1_006_000, state_unwritable: null };
  const { state: after } = remembered([state({ master_position: null, sync: null, silent_since: null }), crashed], {
    manager,
  });
  expect([after.master_position, after.sync]).toEqual([null, null]);
});

describe('the archive', () => {
  const record = state({ archive: { master: 'db1', owed: [], gap: false, tried: null } });

  it('scripts that a verify found wrong are owed, and the cluster says so', () => {
    const { state: after } = remembered([record, asMaster('db1')], {
      depth: 'verify',
      archive: { db1: true, db2: false },
    });
    expect(after.archive).toEqual({ master: 'db1', owed: ['db2'], gap: false, tried: null });
    expect(after.cluster).toMatchObject({
      status: 'warning',
      status_message: 'the archive scripts of db2 are still to be installed',
    });
  });

  it('a poll, which looks at none, changes nothing', () => {
    const { state: after } = remembered([record, asMaster('db1')]);
    expect([after.archive.owed, after.cluster.status]).toEqual([[], 'healthy']);
  });
});
