import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ServerDef } from '../../src/core/model.js';
import { type KeptSessions, createKeptSessions } from '../../src/io/kept-sessions.js';
import { createSql } from '../../src/io/sql.js';
import type { SqlPort } from '../../src/plugin/contract.js';
import { type DemoCluster, startCluster, waitFor } from '../pg/harness.js';
import { serverDef, sqlSettings } from './builders.js';

const PASSWORD = "s3:cr\\et'X";
const NEVER = new AbortController().signal;
const settings = sqlSettings({
  passwords: { handyrep: PASSWORD, superuser: PASSWORD, replication: PASSWORD },
  connect_timeout: 1000,
  statement_timeout: 1000,
});

let cluster: DemoCluster;
let def: ServerDef;
let kept: KeptSessions;
let sql: SqlPort;

beforeAll(async () => {
  cluster = await startCluster({ replicas: 0, password: PASSWORD });
  def = serverDef({ port: cluster.master.port });
}, 120_000);

afterEach(async () => {
  cluster.master.thaw();
  await kept.close();
});

/** What sessions of ours the server has. */
async function backends(): Promise<readonly number[]> {
  const rows = await cluster.master.sql("SELECT pid FROM pg_stat_activity WHERE usename = 'handyrep' ORDER BY pid");
  return rows.map(({ pid }) => Number(pid));
}

/** Keeps one session, and waits until it is there. */
async function keepOne(): Promise<number> {
  await waitFor(async () => (await backends()).length === 0, { deadline: 5000, what: 'the sessions of before to end' });
  kept = createKeptSessions(settings, NEVER);
  sql = createSql(settings, kept);
  kept.keep([def]);
  const one = await waitFor(
    async () => {
      const rows = await cluster.master.sql(
        "SELECT pid FROM pg_stat_activity WHERE usename = 'handyrep' AND state = 'idle' AND query LIKE 'RESET ALL%'",
      );
      return rows.length === 1 ? Number(rows[0]?.['pid']) : null;
    },
    { deadline: 5000, what: 'a session to be kept' },
  );
  return one;
}

async function pidOf(text = 'SELECT pg_backend_pid() AS pid'): Promise<number> {
  const done = await sql.query(def, text);
  if (!done.ok) throw new Error(done.error.message);
  return Number(done.value[0]?.['pid']);
}

describe('a session that is kept', () => {
  test('serves one call after the other, and only one at a time', async () => {
    const pid = await keepOne();
    expect([await pidOf(), await pidOf()]).toEqual([pid, pid]);
    const [slow, beside] = await Promise.all([pidOf('SELECT pg_backend_pid() AS pid FROM pg_sleep(0.3)'), pidOf()]);
    expect(slow).toBe(pid);
    expect(beside).not.toBe(pid);
    const held = await sql.hold(def);
    if (!held.ok) throw new Error(held.error.message);
    expect(await held.value.query('SELECT pg_backend_pid() AS pid')).toEqual({
      ok: true,
      value: [{ pid: String(pid) }],
    });
    expect(await pidOf()).not.toBe(pid);
    await held.value.close();
    expect(await pidOf()).toBe(pid);
  });

  test('is used for our role in our database only', async () => {
    const pid = await keepOne();
    for (const options of [{ user: 'superuser' }, { database: 'template1' }] as const) {
      const done = await sql.query(def, 'SELECT pg_backend_pid() AS pid', [], options);
      expect(done.ok && Number(done.value[0]?.['pid'])).toBeGreaterThan(0);
      expect(done.ok && Number(done.value[0]?.['pid'])).not.toBe(pid);
    }
  });

  test('is like new for everybody, with the time-out of his call', async () => {
    const pid = await keepOne();
    const names = ['synchronous_commit', 'statement_timeout', 'search_path', 'tcp_keepalives_idle', 'application_name'];
    const text = `SELECT pg_backend_pid() AS pid, ${names.map((one) => `current_setting('${one}') AS ${one}`).join(', ')}`;
    const fresh = {
      pid: String(pid),
      synchronous_commit: 'on',
      search_path: 'pg_catalog',
      application_name: 'handyrep',
    };
    await sql.look(def, [{ text: 'SET synchronous_commit = local' }, { text: 'SET search_path = nowhere' }]);
    const after = await sql.query(def, text, [], { timeout: 7000 });
    expect(after).toMatchObject({
      ok: true,
      value: [{ ...fresh, statement_timeout: '7s', tcp_keepalives_idle: '60' }],
    });
    expect(await sql.query(def, text)).toMatchObject({ ok: true, value: [{ ...fresh, statement_timeout: '1s' }] });
  });

  test('survives a statement that fails, and holds no transaction open', async () => {
    const pid = await keepOne();
    expect(await sql.query(def, 'SELECT 1/0')).toMatchObject({ ok: false, error: { cause: '22012' } });
    expect(await pidOf()).toBe(pid);
    const open = await cluster.master.sql('SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND xact_start IS NOT NULL', [
      pid,
    ]);
    expect(open).toEqual([]);
  });

  test('says nothing of its password in a failure', async () => {
    await keepOne();
    const done = await sql.query(def, `SELECT '${PASSWORD}' || 1/0`);
    expect(JSON.stringify(done)).not.toContain(PASSWORD);
  });
});

describe('where it is of no use, a connection is made', () => {
  test('it was ended; the next time that it is wanted another is kept', async () => {
    const pid = await keepOne();
    await cluster.master.sql('SELECT pg_terminate_backend($1)', [pid]);
    const other = await pidOf();
    expect(other).not.toBe(pid);
    await waitFor(async () => (await backends()).length === 0, { deadline: 5000, what: 'nobody to be there' });
    kept.keep([def]);
    await waitFor(async () => (await backends()).length === 1, { deadline: 5000, what: 'another one to be kept' });
    await waitFor(async () => (await pidOf()) === (await backends())[0], { deadline: 5000, what: 'it to be used' });
  });

  test('it hangs, as over a network that lost it, and the server does not: the answer comes, and the next one at once', async () => {
    const pid = await keepOne();
    process.kill(pid, 'SIGSTOP');
    try {
      const began = performance.now();
      expect(await pidOf()).not.toBe(pid);
      const first = performance.now() - began;
      expect(await pidOf()).not.toBe(pid);
      expect(first).toBeLessThan(900);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  });

  test('the server is frozen: that is told within the time-outs of a call without it', async () => {
    await keepOne();
    cluster.master.freeze();
    const began = performance.now();
    const { reach } = await sql.look(def, [{ text: 'SELECT 1' }]);
    expect(reach.kind).toBe('timeout');
    expect(performance.now() - began).toBeLessThan(2000);
  });

  test('the caller gives up: nobody gets what is still under way', async () => {
    const pid = await keepOne();
    const stop = new AbortController();
    const waiting = sql.query(def, 'SELECT pg_sleep(0.5)', [], { signal: stop.signal });
    await waitFor(
      async () =>
        (
          await cluster.master.sql("SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(0.5)%' AND pid = $1", [
            pid,
          ])
        ).length > 0,
      { deadline: 5000, what: 'the statement to run' },
    );
    stop.abort();
    expect(await waiting).toMatchObject({ ok: false, error: { code: 'aborted' } });
    expect(await pidOf()).not.toBe(pid);
  });
});

describe('it ends', () => {
  const gone = (): Promise<unknown> =>
    waitFor(async () => (await backends()).length === 0, { deadline: 5000, what: 'nobody to be there' });

  test('when the server is no longer wanted, and at the end', async () => {
    await keepOne();
    kept.keep([]);
    await gone();
    await keepOne();
    await kept.close();
    await gone();
    expect(await pidOf()).toBeGreaterThan(0);
  });

  test('where somebody has it, when he gives it back', async () => {
    const pid = await keepOne();
    const held = await sql.hold(def);
    if (!held.ok) throw new Error(held.error.message);
    await kept.close();
    expect(await backends()).toEqual([pid]);
    await held.value.close();
    await gone();
  });

  test('when it is still being opened', async () => {
    kept = createKeptSessions(settings, NEVER);
    cluster.master.freeze();
    kept.keep([def]);
    const began = performance.now();
    await kept.close();
    expect(performance.now() - began).toBeLessThan(900);
  });
});
