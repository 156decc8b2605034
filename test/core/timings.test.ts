import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { type TimingInput, boundOfRun, boundsOf, runTimings } from '../../src/core/timings.js';
import { serverDef } from '../io/builders.js';

const SERVERS = ['db1', 'db2', 'db3'].map((name) => serverDef({ name }));

/** The defaults of the configuration, with three servers. */
function input(more: Partial<TimingInput> = {}): TimingInput {
  return {
    connect_timeout: 3000,
    statement_timeout: 5000,
    ssh_timeout: 5000,
    command_timeout: 60_000,
    policy: {
      fail_retries: 3,
      fail_retry_interval: 1000,
      recovery_retries: 30,
      auto_rejoin: false,
      fence_method: null,
      connection_failover_method: null,
      rejoin_method: 'rejoin_rewind',
    },
    servers: SERVERS,
    extra_commands: [],
    archive: null,
    plugins: { promote_sql: 60_000, rejoin_rewind: 43_200_000, clone_basebackup: 86_400_000 },
    own_plugins: [],
    ...more,
  };
}

const ARCHIVE = { archive: { script_method: 'mine', delete_method: 'find' } };

function policy(more: Partial<TimingInput['policy']>): Pick<TimingInput, 'policy'> {
  return { policy: { ...input().policy, ...more } };
}

/** The bound of the first run by that name, or of the one that meets this. */
function atMost(given: TimingInput, run: string, when = ''): number {
  const found = runTimings(given).find((one) => one.run === run && one.when.includes(when));
  if (found === undefined) throw new Error(`no ${run} ${when}`);
  return found.at_most;
}

describe('the bound of a run', () => {
  test('is the sum of its parts, which are all there', () => {
    for (const { at_most, parts } of runTimings(input())) {
      expect(at_most).toBe(parts.reduce((all, { ms }) => all + ms, 0));
      for (const { what, ms } of parts) {
        expect(what).not.toBe('');
        expect(Number.isFinite(ms) && ms >= 0).toBe(true);
      }
    }
  });

  test('with the defaults', () => {
    const seconds = Object.fromEntries(
      runTimings(input()).map(({ run, when, at_most }) => [`${run} ${when}`.trim(), Math.round(at_most / 1000)]),
    );
    expect(seconds).toEqual({
      poll: 139,
      verify: 163,
      'failover-check the master answers': 189,
      'failover-check the master is doubted, and nothing is done': 338,
      'failover-check it fails over': 2662,
      'failover-check whatever it has to finish, stop or start before': 5950,
      'failover the master lives: a switchover': 2619,
      doctor: 482,
      drill: 198,
      'start, stop, restart': 896,
      remaster: 406,
      'pause, resume, ack': 139,
      'rejoin with pg_rewind': 58_196,
      clone: 281_598,
    });
  });

  test.each<[what: string, more: Partial<TimingInput>, run: string, when: string]>([
    ['a slower connection', { connect_timeout: 4000 }, 'poll', ''],
    ['a slower statement', { statement_timeout: 6000 }, 'verify', ''],
    ['a slower ssh', { ssh_timeout: 9000 }, 'failover-check', 'nothing is done'],
    ['one retry more', policy({ fail_retries: 4 }), 'failover-check', 'nothing is done'],
    ['longer pauses between them', policy({ fail_retry_interval: 2000 }), 'failover-check', 'nothing is done'],
    ['more patience for a promoted server', policy({ recovery_retries: 31 }), 'failover-check', 'it fails over'],
    ['a fence plugin', policy({ fence_method: 'fence_command' }), 'failover-check', 'it fails over'],
    [
      'connections to be moved',
      { ...policy({ connection_failover_method: 'slow' }), plugins: { slow: 3_000_000 } },
      'failover-check',
      'it fails over',
    ],
    [
      'a command that follows',
      { extra_commands: [{ timeout: 3_000_000, when: 'after' }] },
      'failover-check',
      'it fails over',
    ],
    [
      'a command that is asked before',
      { extra_commands: [{ timeout: 60_000, when: 'before' }] },
      'failover',
      'a switchover',
    ],
    ['proxies to be asked', policy({ connection_failover_method: 'slow' }), 'poll', ''],
    [
      'clients that are owed a move',
      policy({ connection_failover_method: 'slow' }),
      'failover-check',
      'the master answers',
    ],
    [
      'clients that are made to wait',
      { ...policy({ connection_failover_method: 'slow' }), plugins: { slow: 3_000_000 } },
      'failover',
      'a switchover',
    ],
    ['archive scripts to be installed', ARCHIVE, 'failover-check', 'the master answers'],
    ['archive scripts to be installed', ARCHIVE, 'failover-check', 'it fails over'],
    ['an archive method of the user’s own', { ...ARCHIVE, own_plugins: ['mine'] }, 'verify', ''],
    ['a candidate more', { servers: [...SERVERS, serverDef({ name: 'db4' })] }, 'failover-check', 'it fails over'],
    ['a rejoin beside it', policy({ auto_rejoin: true }), 'failover-check', 'the master answers'],
    ['a slower command', { command_timeout: 61_000 }, 'start, stop, restart', ''],
    ['a slower command', { command_timeout: 61_000 }, 'failover', 'a switchover'],
    ['a longer copy', { plugins: { ...input().plugins, clone_basebackup: 90_000_000 } }, 'clone', ''],
    ['a longer rewind', { plugins: { ...input().plugins, rejoin_rewind: 44_000_000 } }, 'rejoin', ''],
    ['a plugin of the user’s own', { own_plugins: ['restart_pg_ctl'] }, 'start, stop, restart', ''],
  ])('is longer with %s', (_what, more, run, when) => {
    expect(atMost(input(more), run, when)).toBeGreaterThan(atMost(input(), run, when));
  });

  test('there is one for the archive only where there is an archive, whose looks take no longer than others', () => {
    const [without, with_] = [runTimings(input()), runTimings(input(ARCHIVE))];
    expect(without.some(({ run }) => run === 'archive')).toBe(false);
    expect(with_.find(({ run }) => run === 'archive')?.at_most).toBeGreaterThan(300_000);
    expect(atMost(input(ARCHIVE), 'verify')).toBe(atMost(input(), 'verify'));
    expect(atMost(input(ARCHIVE), 'failover-check', 'nothing is done')).toBe(
      atMost(input(), 'failover-check', 'nothing is done'),
    );
  });

  test('a server that is never promoted costs no second promotion', () => {
    const never = [...SERVERS, serverDef({ name: 'db4', failover_priority: null })];
    expect(boundsOf(input({ servers: never })).failover).toBe(boundsOf(input()).failover);
  });

  test('a plugin that says how long it waits is not given the general limit', () => {
    const [known, unknown] = [{ promote_sql: 5000 }, {}].map((plugins) => boundsOf(input({ plugins })).steps.promote);
    expect(unknown).toBeGreaterThan((known ?? 0) + 200_000);
  });

  describe('never becomes shorter, nor does a step,', () => {
    const everything = (hour: Partial<Record<string, number>> = {}): TimingInput => {
      const more = (knob: string): number => hour[knob] ?? 0;
      return input({
        connect_timeout: 3000 + more('connect_timeout'),
        statement_timeout: 5000 + more('statement_timeout'),
        ssh_timeout: 5000 + more('ssh_timeout'),
        command_timeout: 60_000 + more('command_timeout'),
        ...policy({
          fail_retry_interval: 1000 + more('fail_retry_interval'),
          recovery_retries: 30 + more('recovery_retries') / 1000,
          fence_method: 'fence',
          connection_failover_method: 'slow',
          auto_rejoin: true,
        }),
        extra_commands: [
          { timeout: 1000 + more('before'), when: 'before' },
          { timeout: 1000 + more('after'), when: 'after' },
        ],
        plugins: {
          promote_sql: 60_000 + more('promote_sql'),
          fence: 60_000 + more('fence'),
          slow: 600_000 + more('slow'),
          rejoin_rewind: 60_000 + more('rejoin_rewind'),
          clone_basebackup: 60_000 + more('clone_basebackup'),
        },
        ...ARCHIVE,
      });
    };
    test.each([
      ...['connect_timeout', 'statement_timeout', 'ssh_timeout', 'command_timeout', 'fail_retry_interval'],
      ...['recovery_retries', 'before', 'after', 'promote_sql', 'fence', 'slow', 'rejoin_rewind', 'clone_basebackup'],
    ])('when %s is longer', (knob) => {
      const [short, long] = [everything(), everything({ [knob]: 3_600_000 })];
      const runs = runTimings(long).map(({ run, when, at_most }) => [run, when, at_most] as const);
      const shorter = runs.filter(([run, when, at_most]) => at_most < atMost(short, run, when));
      expect(shorter).toEqual([]);
      const [before, after] = [boundsOf(short).steps, boundsOf(long).steps];
      expect(Object.entries(after).filter(([step, ms]) => ms < before[step as keyof typeof before])).toEqual([]);
      expect(runs.some(([run, when, at_most]) => at_most > atMost(short, run, when))).toBe(true);
    });
  });

  test('every step that asks a server by SQL waits for it', () => {
    const HOUR = 3_600_000;
    const [before, after] = [input(), input({ statement_timeout: 5000 + HOUR })].map((one) => boundsOf(one).steps);
    if (before === undefined || after === undefined) throw new Error('no steps');
    const asked = [
      'stop_receivers',
      'choose',
      'prove_candidate',
      'promote',
      'prove_writes',
      'record',
      'remaster',
    ] as const;
    for (const step of asked) expect([step, after[step] - before[step] >= HOUR]).toEqual([step, true]);
    // It looks at the old master, asks it twice for its slots, and once whether it streams.
    expect(after.return_old_master - before.return_old_master).toBeGreaterThanOrEqual(5 * HOUR);
    expect(after.record - before.record).toBe(2 * HOUR);
  });

  test('a command that follows lengthens only what follows, and one that is asked before only that', () => {
    const steps = (when: 'before' | 'after') => boundsOf(input({ extra_commands: [{ timeout: 60_000, when }] })).steps;
    const none = boundsOf(input()).steps;
    expect(steps('before')).toEqual({ ...none, before_commands: steps('before').before_commands });
    expect(steps('before').before_commands).toBeGreaterThan(none.before_commands + 60_000);
    expect(steps('after')).toEqual({ ...none, extra_commands: steps('after').extra_commands });
    expect(steps('after').extra_commands).toBeGreaterThan(60_000);
  });

  test('a method for the clients is given the general limit at least', () => {
    const moving = (ms: number): number =>
      boundsOf(input({ ...policy({ connection_failover_method: 'slow' }), plugins: { slow: ms } })).steps
        .move_connections;
    expect(moving(1000)).toBeGreaterThan(300_000);
    expect(moving(1000)).toBe(moving(2000));
    expect(moving(9_000_000)).toBeGreaterThan(9_000_000);
  });

  test('a delete method counts for the archive, where there is one', () => {
    const archive = (delete_method: string | null): number =>
      atMost(input({ archive: { script_method: 'built_in', delete_method } }), 'archive');
    expect(archive('find')).toBeGreaterThanOrEqual(archive(null));
    expect(archive('find')).toBeGreaterThan(300_000);
  });

  test('exists whatever is configured', () => {
    const ms = fc.integer({ min: 0, max: 86_400_000 });
    fc.assert(
      fc.property(
        fc.tuple(ms, ms, ms, ms, fc.nat(1000), fc.nat(10_000), fc.nat(5)),
        ([a, b, c, d, retries, recovery, n]) => {
          const given = input({
            connect_timeout: a,
            statement_timeout: b,
            ssh_timeout: c,
            command_timeout: d,
            servers: Array.from({ length: n }, (_, index) => serverDef({ name: `s${index}` })),
            ...policy({ fail_retries: retries, recovery_retries: recovery }),
          });
          for (const { at_most } of runTimings(given)) expect(Number.isSafeInteger(at_most) && at_most > 0).toBe(true);
        },
      ),
    );
  });
});

describe('the bound of a run that has ended', () => {
  const timings = runTimings(input());
  const quiet = { acted: false, failed_over: false };

  test('that did nothing is the one of doing nothing', () => {
    expect(boundOfRun(timings, 'failover-check', quiet)).toBe(atMost(input(), 'failover-check', 'nothing is done'));
    expect(boundOfRun(timings, 'poll', quiet)).toBe(atMost(input(), 'poll'));
  });

  test('that acted is that of the longest act', () => {
    const whole = atMost(input(), 'failover-check', 'whatever');
    expect(boundOfRun(timings, 'failover-check', { acted: true, failed_over: true })).toBe(whole);
    expect(boundOfRun(timings, 'stop', quiet)).toBe(atMost(input(), 'start, stop, restart'));
  });

  test('that nobody knows is none', () => {
    expect(boundOfRun(timings, 'dance', quiet)).toBeNull();
  });
});
