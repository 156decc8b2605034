import { describe, expect, test } from 'vitest';
import { fail } from '../../src/core/outcome.js';
import type { ServerObservation } from '../../src/core/observation.js';
import { pause } from '../../src/io/wait.js';
import { type Sign, createDoubt } from '../../src/service/doubt.js';
import { createMoments } from '../../src/service/moments.js';
import type { Session } from '../../src/service/session.js';
import { observation, situation, silent } from '../core/build.js';

const NEVER = new AbortController().signal;
const unasked = (): Promise<ServerObservation> => Promise.reject(new Error('nobody is to be asked again'));

/** A session whose hosts let nobody in, with what was asked of them and of the master. */
function silentHosts(): { readonly session: Session; readonly asked: string[] } {
  const asked: string[] = [];
  const script = async (server: { readonly name: string }) => {
    asked.push(`host of ${server.name}`);
    return fail('ssh_connect', 'no route');
  };
  const poll = async (_: unknown, server: { readonly name: string }) => {
    asked.push(server.name);
    return { reach: observation(server.name, 'timeout').reach, facts: null };
  };
  const config = {
    handyrep: { connect_timeout: 100, statement_timeout: 100, ssh_timeout: 100 },
    failover: { fail_retries: 2, fail_retry_interval: 40 },
  };
  const session = {
    state: { current: () => situation().state },
    config,
    loaded: { config },
    plugins: { poll, ask: poll },
    plugin_context: {},
    hosts: { script },
    sql: {},
    signal: NEVER,
    observeManager: async () => situation().manager,
  } as unknown as Session;
  return { session, asked };
}

function doubtOf(session: Session, sign: Sign | null = null) {
  const doubt = createDoubt(session, sign, createMoments());
  if (doubt === null) throw new Error('nobody is master');
  return doubt;
}

describe('nothing more is asked', () => {
  test.each(['accepting', 'saturated', 'starting', 'rejected'] as const)(
    'where the first look is answered in its usual time: %s',
    async (kind) => {
      const { session, asked } = silentHosts();
      const doubt = doubtOf(session);
      void doubt.follow(Promise.resolve(observation('db1', kind)), unasked);
      await pause(150, NEVER);
      expect(asked).toEqual([]);
    },
  );

  test('after a first look that was late is answered after all', async () => {
    const { session, asked } = silentHosts();
    let answer: (seen: ServerObservation) => void = () => undefined;
    const doubt = doubtOf(session);
    const counts = doubt.follow(new Promise((resolve) => (answer = resolve)), () => new Promise(() => undefined));
    await pause(60, NEVER);
    // Late after half the time-out, as nobody knows what is usual: one look at each host, and at each replica.
    const before = [...asked];
    expect(before.filter((one) => one === 'host of db1')).toHaveLength(1);
    answer(observation('db1', 'accepting'));
    expect(await counts).toMatchObject({ reach: { kind: 'accepting' } });
    await pause(150, NEVER);
    expect(asked.filter((one) => one === 'db1')).toHaveLength(before.filter((one) => one === 'db1').length);
    expect(asked.filter((one) => one === 'host of db1')).toHaveLength(1);
  });
});

describe('a first look that is late is asked again beside it: the one that ends first counts', () => {
  const silence = observation('db1', 'timeout');
  test.each([
    ['it let us in and froze, and the other one is silent', null, silence],
    ['it let us in and hangs, and the other one is answered', null, observation('db1', 'accepting')],
    ['it ends first', silence, null],
  ])('%s', async (_, first, second) => {
    const { session } = silentHosts();
    const doubt = doubtOf(session);
    const open = new Promise<never>(() => undefined);
    const again = async (): Promise<ServerObservation> => second ?? open;
    const late = async (): Promise<ServerObservation> => {
      await pause(100, NEVER);
      return first ?? open;
    };
    expect(await doubt.follow(late(), again)).toBe(first ?? second);
    doubt.end();
  });

  test('not where a heartbeat was late before it: then it is that second look itself', async () => {
    const { session } = silentHosts();
    const doubt = doubtOf(session, { at: Date.now() - 500, what: 'a heartbeat was not answered', overdue: true });
    const first = pause(100, NEVER).then(() => silence);
    expect(await doubt.follow(first, unasked)).toBe(silence);
    doubt.end();
  });
});

describe('every retry is made, however it began', () => {
  const overdue: Sign = { at: Date.now(), what: 'a heartbeat was not answered', overdue: true };
  test.each([
    ['the first look failed', null],
    ['a heartbeat was not answered', overdue],
    ['a session ended', { ...overdue, overdue: false }],
  ])('%s', async (_, sign) => {
    const { session, asked } = silentHosts();
    const doubt = doubtOf(session, sign);
    void doubt.follow(Promise.resolve(observation('db1', 'timeout')), unasked);
    const first = situation(silent(), (s) => ({ ...s, attempts: { made: 1, wanted: 3 } }));
    const closer = await doubt.closer(first);
    expect(closer).toMatchObject({ attempts: { made: 1, wanted: 3 }, closer: { host: { kind: 'no_answer' } } });
    await doubt.retried(closer);
    const last = await doubt.retried(closer);
    expect(last.attempts).toEqual({ made: 3, wanted: 3 });
    expect(asked.filter((one) => one === 'db1')).toHaveLength(2);
    expect(last.closer?.host.kind).toBe('no_answer');
    doubt.end();
  });
});
