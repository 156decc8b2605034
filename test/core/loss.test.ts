import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { type Loss, assessLoss, describeFailoverLoss, describeLoss, exceedsLimit } from '../../src/core/loss.js';
import { judgeFitness } from '../../src/core/eligibility.js';
import type { LossLimit, SyncRecord } from '../../src/core/model.js';
import { rank } from '../../src/core/rank.js';
import { furthestAhead } from '../../src/core/select.js';
import type { Heartbeat } from '../../src/core/observation.js';
import type { Situation } from '../../src/core/situation.js';
import {
  CALM,
  type Change,
  MASTER_LSN,
  NOW,
  OTHER_SYSTEM,
  SYSTEM,
  answers,
  asReplica,
  calm,
  control,
  crashed,
  def,
  iso,
  looked,
  lost,
  lsn,
  policy,
  savedServer,
  shutDown,
  situation,
  state,
} from './build.js';

/** What promoting the best candidate would lose. */
function loss(s: Situation): Loss | null {
  const fitness = judgeFitness(s);
  const [best] = rank(fitness, furthestAhead);
  return best === undefined ? null : assessLoss(s, best, fitness);
}

function sync(setting: string, change: Partial<SyncRecord> = {}): Change {
  const standbys = ['db2', 'db3'].map((application_name) => ({ application_name, sync_state: 'sync' }));
  return state({ sync: { at: iso(CALM), setting, commit: 'on', standbys, ...change } });
}

const BOUNDED = { kind: 'bounded', bytes: 0, seconds: 6, vouched: true, since: 'poll' } as const satisfies Loss;
const down = (name: string): Change => answers(name, 'timeout');

type Row = readonly [when: string, kind: Loss['kind'], ...changes: readonly Change[]];

/** R + W > N, and what spoils it. */
const SYNCHRONOUS: readonly Row[] = [
  ['FIRST 1 of two, both answer', 'none', sync('db2, db3')],
  ['FIRST 1 of two, one answers', 'bounded', sync('db2, db3'), down('db3')],
  ['ANY 1 of two, both answer', 'none', sync('ANY 1 (db2, db3)')],
  ['ANY 1 of two, one answers', 'bounded', sync('ANY 1 (db2, db3)'), down('db2')],
  ['FIRST 2 of two, one answers', 'none', sync('FIRST 2 (db2, db3)'), down('db3')],
  [
    'the only one named answers, and is behind another that has more',
    'none',
    sync('db2'),
    asReplica('db3', { lsn: lsn(0x5000001) }),
  ],
  ['the only one named is down', 'bounded', sync('db2'), down('db2')],
  ['the only one named is not fit', 'bounded', sync('db2'), def('db2', { failover_priority: null })],
  ['every standby may be the one, all answer', 'none', sync('*')],
  ['every standby may be the one, one is down', 'bounded', sync('*'), down('db3')],
  ['two of every standby, one is down', 'none', sync('ANY 2 (*)'), down('db3')],
  ['a disabled server may have been the one', 'bounded', sync('*'), def('db3', { enabled: false })],
  [
    'a stranger may have been the one',
    'bounded',
    sync('*', { standbys: [{ application_name: 'backup', sync_state: 'sync' }] }),
  ],
  ['the same list stands on every server, with the master in it', 'none', sync('ANY 1 (db1, db2, db3)')],
  ['the master is in the list, one of the others is down', 'bounded', sync('ANY 1 (db1, db2, db3)'), down('db3')],
  ['with the master in the list one is left to wait for', 'none', sync('ANY 2 (db1, db2, db3)'), down('db3')],
  [
    'a stranger shows the name of the master',
    'bounded',
    sync('ANY 1 (db1, db2, db3)', { standbys: [{ application_name: 'db1', sync_state: 'quorum' }] }),
  ],
  [
    'a replica shows the name of the master, and is down',
    'bounded',
    sync('ANY 1 (db1, db3)'),
    calm('db2', { application_name: 'db1' }),
    down('db2'),
  ],
  ['a name is no server of ours', 'bounded', sync('db2, dr1')],
  ['two servers show the same name', 'bounded', sync('db2'), calm('db3', { application_name: 'db2' })],
  [
    'a stranger shows the name of one of ours',
    'bounded',
    sync('db2', {
      standbys: ['db2', 'DB2'].map((application_name) => ({ application_name, sync_state: 'potential' })),
    }),
  ],
  ['names are compared without case', 'none', sync('DB2'), calm('db2', { application_name: 'Db2' })],
  ['a name stands there twice', 'bounded', sync('2 (db2, DB2)'), down('db2')],
  ['commits are on disk when applied', 'none', sync('db2, db3', { commit: 'remote_apply' })],
  ['commits need not be on disk there', 'bounded', sync('db2, db3', { commit: 'remote_write' })],
  ['commits do not wait', 'bounded', sync('db2, db3', { commit: 'local' })],
  ['commits do not wait at all', 'bounded', sync('db2, db3', { commit: 'off' })],
  ['the setting is empty', 'bounded', sync('')],
  ['the setting cannot be read', 'bounded', sync('FIRST x (db2)')],
  ['the record is just not stale', 'none', sync('db2', { at: iso(NOW - 60_000) })],
  ['the record is stale', 'bounded', sync('db2', { at: iso(NOW - 60_001) })],
  ['the record is of the future: our clock was set back', 'bounded', sync('db2', { at: iso(NOW + 1001) })],
  [
    'a longer poll interval makes the record good for longer',
    'none',
    policy({ poll_interval: 30_000 }),
    sync('db2', { at: iso(NOW - 90_000) }),
  ],
  ['nothing was recorded', 'bounded', state({ sync: null })],
];

describe('synchronous replication', () => {
  it.each(SYNCHRONOUS.map(([when, kind, ...changes]) => ({ when, kind, changes })))(
    '$when: $kind',
    ({ kind, changes }) => {
      expect(loss(situation(crashed, ...changes))?.kind).toBe(kind);
    },
  );
});

const gone = (change: Parameters<typeof control>[1]): Change =>
  lost(
    looked('db1', { postmaster: { kind: 'not_running' }, port: 'cannot_reach', control: control('shut down', change) }),
  );

describe('the shutdown checkpoint', () => {
  it.each<[string, Change, Loss | null]>([
    [
      'is before the end of the candidate',
      gone({ checkpoint_lsn: lsn(MASTER_LSN - 1n) }),
      { kind: 'none', proof: 'it holds the shutdown checkpoint of the old master' },
    ],
    [
      'is just where the candidate ends: the record itself is not there',
      gone({ checkpoint_lsn: MASTER_LSN }),
      { ...BOUNDED, bytes: 1 },
    ],
    ['is beyond the candidate', gone({ checkpoint_lsn: lsn(MASTER_LSN + 99n) }), { ...BOUNDED, bytes: 100 }],
    ['is on another timeline', gone({ timeline: 2 }), BOUNDED],
    ['there is none: it crashed', crashed, BOUNDED],
  ])('%s', (_, change, expected) => {
    expect(loss(situation(change))).toEqual(expected);
  });

  test('outweighs what the last poll saw', () => {
    const ahead = state({ master_position: { at: iso(CALM), server: 'db1', timeline: 1, lsn: lsn(0x4000000) } });
    expect(loss(situation(shutDown, ahead))?.kind).toBe('none');
  });
});

describe('the position of the last poll', () => {
  const at = (change: Partial<{ at: string; timeline: number; lsn: typeof MASTER_LSN }>): Change =>
    state({ master_position: { at: iso(CALM), server: 'db1', timeline: 1, lsn: MASTER_LSN, ...change } });
  it.each<[string, Change, Loss]>([
    ['is where the candidate is', at({}), BOUNDED],
    ['is before the candidate', at({ lsn: lsn(0x10) }), BOUNDED],
    ['is beyond the candidate', at({ lsn: lsn(MASTER_LSN + 4096n) }), { ...BOUNDED, bytes: 4096 }],
    ['is as old as it may be', at({ at: iso(NOW - 60_000) }), { ...BOUNDED, seconds: 60 }],
  ])('%s', (_, change, expected) => {
    expect(loss(situation(crashed, change))).toEqual(expected);
  });
  it.each<[string, Change]>([
    ['was never recorded', state({ master_position: null })],
    ['is stale', at({ at: iso(NOW - 60_001) })],
    ['is of the future: our clock was set back', at({ at: iso(NOW + 1001) })],
    ['is on another timeline', at({ timeline: 0 })],
  ])('bounds nothing when it %s', (_, change) => {
    expect(loss(situation(crashed, change))?.kind).toBe('unknown');
  });
});

describe('the last heartbeat of the master', () => {
  const beat = (change: Partial<Heartbeat> = {}): Change => {
    const heartbeat = { server: 'db1', at: NOW - 400, system_identifier: SYSTEM, timeline: 1, lsn: MASTER_LSN };
    return (s) => ({ ...s, heartbeat: { ...heartbeat, ...change } });
  };
  const BEATEN = { ...BOUNDED, seconds: 0.4, since: 'heartbeat' } as const satisfies Loss;
  it.each<[string, Loss, ...(readonly Change[])]>([
    ['is where the candidate is', BEATEN, beat()],
    ['is beyond what the last poll saw', { ...BEATEN, bytes: 4096 }, beat({ lsn: lsn(MASTER_LSN + 4096n) })],
    [
      'is newer than a poll that is stale',
      BEATEN,
      beat(),
      state({ master_position: { at: iso(NOW - 3_600_000), server: 'db1', timeline: 1, lsn: MASTER_LSN } }),
    ],
    ['is older than the last poll', BOUNDED, beat({ at: CALM - 1, lsn: lsn(MASTER_LSN + 4096n) })],
    ['is as old as the last poll', BOUNDED, beat({ at: CALM })],
    ['is of another server', BOUNDED, beat({ server: 'db3' })],
    ['is of another system', BOUNDED, beat({ system_identifier: OTHER_SYSTEM })],
    ['is of another timeline than the last poll', BOUNDED, beat({ timeline: 2 })],
    ['is behind the last poll', BOUNDED, beat({ lsn: lsn(MASTER_LSN - 1n) })],
    [
      'tells of a server that was no master at the last poll',
      { ...BOUNDED },
      beat(),
      state({ master_position: { at: iso(CALM), server: 'db9', timeline: 1, lsn: MASTER_LSN } }),
    ],
    [
      'came before the clock of this host was set back: its time is told by the clock as it is now',
      BEATEN,
      beat(),
      state({
        clock: { boot_id: 'boot-1', wall_ms: CALM + 6600, uptime_ms: 1_000_000 },
        master_position: { at: iso(CALM + 6600), server: 'db1', timeline: 1, lsn: MASTER_LSN },
      }),
    ],
  ])('%s', (_, expected, ...changes) => {
    expect(loss(situation(crashed, ...changes))).toEqual(expected);
  });

  it('bounds nothing alone: nobody has recorded the timeline that it goes on from', () => {
    expect(loss(situation(crashed, beat(), state({ master_position: null })))?.kind).toBe('unknown');
  });

  it('counts where a candidate lacks a shutdown checkpoint, too', () => {
    const down = gone({ checkpoint_lsn: lsn(MASTER_LSN + 99n) });
    expect(loss(situation(down, beat()))).toEqual({ ...BEATEN, bytes: 100 });
  });

  it('is named', () => {
    expect(describeLoss(BEATEN)).toBe(
      '0 bytes of WAL known to be missing, and at most what was written in the 0.4 s since the last heartbeat',
    );
  });
});

const NONE: Loss = { kind: 'none', proof: 'p' };
const UNKNOWN: Loss = { kind: 'unknown', why: 'w' };

test.each<[LossLimit, Loss, boolean]>([
  ['none', NONE, false],
  ['none', BOUNDED, true],
  ['none', UNKNOWN, true],
  ['unlimited', NONE, false],
  ['unlimited', { ...BOUNDED, bytes: 1e15 }, false],
  ['unlimited', UNKNOWN, false],
  [{ bytes: 100 }, NONE, false],
  [{ bytes: 100 }, { ...BOUNDED, bytes: 100 }, false],
  [{ bytes: 100 }, { ...BOUNDED, bytes: 101 }, true],
  [{ bytes: 100 }, UNKNOWN, true],
  [{ bytes: 0 }, BOUNDED, false],
])('max_data_loss %j and a loss of %j: refused is %s', (limit, one, refused) => {
  expect(exceedsLimit(one, limit) !== null).toBe(refused);
  expect(describeLoss(one)).not.toBe('');
});

/*
 * A small model of synchronous replication: each commit is acknowledged when `num` standbys have it, chosen in the
 * worst way that the setting allows. Whatever is called a loss of `none` must lose no acknowledged commit.
 */
test('no acknowledged commit is lost where none is promised', () => {
  const names = ['db2', 'db3', 'db4', 'db5'];
  const listed = fc.oneof(fc.constant(['*']), fc.subarray([...names, 'dr1'], { minLength: 1 }));
  let promised = 0;
  fc.assert(
    fc.property(
      listed,
      fc.constantFrom('FIRST', 'ANY'),
      fc.integer({ min: 1, max: 4 }),
      fc.subarray(names),
      fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 4, maxLength: 4 }),
      (list, method, num, up, positions) => {
        const servers = Object.fromEntries(['db1', ...names].map((name) => [name, savedServer(name)]));
        const here = names.map((name, index) =>
          up.includes(name)
            ? asReplica(name, { lsn: lsn(BigInt(MASTER_LSN) + BigInt(positions[index] ?? 0)) })
            : down(name),
        );
        const applied = names.map((name) => calm(name, { application_name: name }));
        const s = situation(
          crashed,
          state({ servers }),
          ...applied,
          ...here,
          sync(`${method} ${num} (${list.join(', ')})`),
        );
        const fitness = judgeFitness(s);
        const [best] = rank(fitness, furthestAhead);
        if (best === undefined || assessLoss(s, best, fitness).kind !== 'none') return;
        promised++;
        // Wherever the positions are, `num` of the members have the commit; those that are down may all be among them.
        const members = list.includes('*') ? names : list;
        for (const holders of subsets(members, num)) {
          const alive = holders.filter((name) => up.includes(name));
          expect(alive.length).toBeGreaterThan(0);
          const held = alive.map((name) => fitness.find((one) => one.server === name)?.candidate?.lsn ?? null);
          expect(held.every((position) => position !== null && best.lsn >= position)).toBe(true);
        }
      },
    ),
    { numRuns: 500, seed: 11 },
  );
  expect(promised).toBeGreaterThan(20);
});

function subsets(of: readonly string[], size: number): readonly (readonly string[])[] {
  if (size === 0) return [[]];
  return of.flatMap((one, index) => subsets(of.slice(index + 1), size - 1).map((rest) => [one, ...rest]));
}

describe('what was written between two runs', () => {
  const proved = state({ silent_since: iso(CALM + 500) });
  const dead = (checkpoint: bigint): Change =>
    lost(
      looked('db1', {
        postmaster: { kind: 'not_running' },
        port: 'cannot_reach',
        control: control('in production', { checkpoint_lsn: lsn(checkpoint) }),
      }),
    );
  test.each<readonly [when: string, seconds: number, changes: readonly Change[]]>([
    ['an earlier run proved that it was dead', 0.5, [proved, dead(MASTER_LSN)]],
    ['it has made a checkpoint since: it was started in between', 6, [proved, dead(MASTER_LSN + 1n)]],
    ['its host does not answer any more', 6, [proved, lost()]],
    ['no earlier run proved anything', 6, [dead(MASTER_LSN)]],
  ])('%s', (_, seconds, changes) => {
    expect(loss(situation(...changes))).toEqual({ ...BOUNDED, seconds });
  });
});

test.each([3_600_000, 6600])(
  'our clock was set back by %i ms since the last round: ages are told by what passed, not by what it shows',
  (back) => {
    const at = (one: number): string => iso(one + back);
    const before = state({
      clock: { boot_id: 'boot-1', wall_ms: CALM + back, uptime_ms: 1_000_000 },
      master_position: { at: at(CALM), server: 'db1', timeline: 1, lsn: MASTER_LSN },
    });
    expect(loss(situation(lost(), before))).toEqual(BOUNDED);
  },
);

describe('the management host was booted since the master was last seen well: its clock cannot vouch for ages', () => {
  const booted: Change = (s) => ({ ...s, manager: { ...s.manager, boot_id: 'boot-2' } });
  it.each<[string, Change, boolean]>([
    ['this is the first round since', booted, false],
    ['a round that saw no master well came in between', state({ rebooted_since_calm: true }), false],
    ['it was not', (s) => s, true],
  ])('%s', (_, change, vouched) => {
    expect(loss(situation(lost(), change))).toEqual({ ...BOUNDED, vouched });
  });

  it('says so', () => {
    expect(describeLoss({ ...BOUNDED, vouched: false })).toBe(
      '0 bytes of WAL known to be missing, and at most what was written since the last poll, 6.0 s ago by the clock of the management host, which was booted since and cannot vouch for it',
    );
    expect(describeLoss(BOUNDED)).toBe(
      '0 bytes of WAL known to be missing, and at most what was written in the 6.0 s since the last poll',
    );
  });
});

describe('the loss of a failover in words: what an old master takes that nothing fences comes to it', () => {
  const bounded: Loss = { ...BOUNDED, bytes: 7, seconds: 1 };
  const unknown: Loss = { kind: 'unknown', why: 'no position' };
  const none: Loss = { kind: 'none', proof: 'proved' };
  const more = ', and whatever db1 takes until it is fenced, if it lives';
  it.each([
    ['fenced', bounded, { kind: 'signal' }, ''],
    ['fenced', unknown, { kind: 'kill' }, ''],
    // A plugin powers it off in its own time.
    ['fenced', bounded, { kind: 'plugin', method: 'x' }, more],
    ['owed', bounded, { kind: 'owed' }, more],
    ['owed', unknown, { kind: 'owed' }, more],
    // Without its synchronous standbys it acknowledges nothing.
    ['owed', none, { kind: 'owed' }, ''],
  ] as const)('%s: %j', (_, loss, fence, added) => {
    expect(describeFailoverLoss(loss, 'db1', fence)).toBe(`${describeLoss(loss)}${added}`);
  });
});
