import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ServerDef } from '../../src/core/model.js';
import { openClient, closeClient } from '../../src/demo/sql.js';
import { takePorts } from '../../src/demo/ports.js';
import { createSql } from '../../src/io/sql.js';
import { startFake } from '../hosts/tcp.js';
import { startCluster, waitFor, type DemoCluster } from '../pg/harness.js';
import { serverDef, sqlSettings } from './builders.js';

const PASSWORD = "s3:cr\\et'X";

let cluster: DemoCluster;
let def: ServerDef;
const passwords = { handyrep: PASSWORD, superuser: PASSWORD, replication: PASSWORD };
const sql = createSql(sqlSettings({ passwords }));
const folder = mkdtempSync(join(tmpdir(), 'handyrep-sql-'));

beforeAll(async () => {
  cluster = await startCluster({
    replicas: 0,
    password: PASSWORD,
    settings: { max_connections: '12', superuser_reserved_connections: '3' },
  });
  def = serverDef({ port: cluster.master.port });
}, 120_000);
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function failureOf(server: ServerDef, port = sql) {
  const done = await port.query(server, 'SELECT 1 AS one');
  if (done.ok) throw new Error('it succeeded');
  expect(JSON.stringify(done)).not.toContain(PASSWORD);
  return done.error;
}

describe('a server that lets us in', () => {
  test('gives every value as text, or null', async () => {
    const done = await sql.query(
      def,
      `SELECT $1::int AS i, $2::text AS t, $3::bool AS b, NULL AS n, 1.5::float8 AS f, '{a,b}'::text[] AS a,
              '0/16B3748'::pg_lsn AS l, '\\xff00'::bytea AS y, timestamptz '2020-01-02 03:04:05+00' AS ts`,
      [42, 'grüße', true],
    );
    expect(done).toEqual({
      ok: true,
      value: [
        {
          i: '42',
          t: 'grüße',
          b: 't',
          n: null,
          f: '1.5',
          a: '{a,b}',
          l: '0/16B3748',
          y: '\\xff00',
          ts: '2020-01-02 03:04:05+00',
        },
      ],
    });
  });

  test('knows who asks, and has our statement_timeout', async () => {
    const done = await sql.query(
      def,
      `SELECT current_setting('application_name') AS a, current_user AS u,
      current_setting('statement_timeout') AS t, current_setting('search_path') AS s`,
    );
    expect(done).toEqual({ ok: true, value: [{ a: 'handyrep', u: 'handyrep', t: '5s', s: 'pg_catalog' }] });
    const other = await sql.query(
      def,
      `SELECT current_setting('statement_timeout') AS t, current_user AS u,
      current_database() AS d`,
      [],
      { timeout: 7000, user: 'superuser', database: 'template1' },
    );
    expect(other).toEqual({ ok: true, value: [{ t: '7s', u: 'postgres', d: 'template1' }] });
  });

  test('takes no second statement', async () => {
    const done = await sql.query(def, 'SELECT 1; SELECT 2');
    expect(done).toMatchObject({ ok: false, error: { code: 'sql_query', cause: '42601' } });
  });

  test('a failing statement does not stop the next, and settings hold for the connection', async () => {
    const { reach, results } = await sql.look(def, [
      { text: 'SELECT 1 AS a' },
      { text: 'SELECT 1/0' },
      { text: "SET work_mem = '1MB'" },
      { text: "SELECT current_setting('work_mem') AS w, $1::int AS p", params: [5] },
    ]);
    expect(reach.kind).toBe('accepting');
    expect(results).toMatchObject([
      { ok: true, value: [{ a: '1' }] },
      { ok: false, error: { code: 'sql_query', cause: '22012' } },
      { ok: true, value: [] },
      { ok: true, value: [{ w: '1MB', p: '5' }] },
    ]);
  });

  test('a slow statement is ended by the server or by us, and is no sign of death', async () => {
    const impatient = createSql(sqlSettings({ passwords, statement_timeout: 200 }));
    const { reach, results } = await impatient.look(def, [{ text: 'SELECT pg_sleep(5)' }, { text: 'SELECT 2 AS b' }]);
    expect(reach.kind).toBe('accepting');
    expect(results).toMatchObject([
      { ok: false, error: { code: 'sql_timeout', cause: '57014' } },
      { ok: true, value: [{ b: '2' }] },
    ]);
  });

  test('it leaves no connection behind, and the server no complaint', async () => {
    const before = (await cluster.master.log()).length;
    await sql.query(def, 'SELECT 1');
    await waitFor(
      async () => {
        const [row] = await cluster.master.sql(
          "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'handyrep'",
        );
        return row?.['n'] === '0';
      },
      { deadline: 2000, what: 'our connection to be gone' },
    );
    expect((await cluster.master.log()).slice(before)).not.toMatch(/unexpected EOF|connection to client lost/);
  });

  test('a backend that is terminated in the middle is stopping, and what follows was not run', async () => {
    const { reach, results } = await sql.look(
      def,
      [{ text: 'SELECT pg_terminate_backend(pg_backend_pid())' }, { text: 'SELECT 1' }],
      { user: 'superuser' },
    );
    expect(reach.kind).toBe('stopping');
    expect(results).toMatchObject([{ ok: false, error: { cause: '57P01' } }, { ok: false }]);
  });

  test('a secret in a statement does not come back in the message', async () => {
    const done = await sql.query(def, `SELECT '${PASSWORD.replaceAll("'", "''")}'::int`);
    expect(done.ok).toBe(false);
    expect(JSON.stringify(done)).not.toContain('s3:cr');
  });
});

describe('the replication protocol', () => {
  test('identifies the system', async () => {
    const [row] = await cluster.master.sql('SELECT system_identifier::text AS s FROM pg_control_system()');
    const done = await sql.identify(def);
    expect(done).toMatchObject({ ok: true, value: { system_identifier: row?.['s'], timeline: 1 } });
    if (done.ok) expect(done.value.lsn).toBeGreaterThan(0n);
  });

  test('has no history for timeline 1, and says so for one that does not exist', async () => {
    expect(await sql.timelineHistory(def, 1)).toEqual({ ok: true, value: null });
    expect(await sql.timelineHistory(def, 9)).toMatchObject({ ok: false, error: { code: 'sql_query' } });
  });

  test('a held session lives as long as it is wanted, each statement with a deadline of its own', async () => {
    const held = await sql.hold(def, { timeout: 1500 });
    if (!held.ok) throw new Error(held.error.message);
    const session = held.value;
    const slots = `SELECT count(*) AS n FROM pg_replication_slots WHERE slot_name = 'held'`;
    expect(
      await session.query('SELECT 1 FROM pg_create_physical_replication_slot($1, true, true)', ['held']),
    ).toMatchObject({
      ok: true,
    });
    for (let n = 0; n < 4; n++) expect((await session.query('SELECT pg_sleep(0.5)')).ok).toBe(true);
    expect(await sql.query(def, slots)).toEqual({ ok: true, value: [{ n: '1' }] });
    await session.close();
    await waitFor(async () => JSON.stringify(await sql.query(def, slots)).includes('"0"'), {
      deadline: 5000,
      what: 'the temporary slot to end with its session',
    });
  });

  test('a held session that is lost says so, and every statement after that fails at once', async () => {
    const held = await sql.hold(def, { timeout: 1500 });
    if (!held.ok) throw new Error(held.error.message);
    const session = held.value;
    const pid = await session.query('SELECT pg_backend_pid() AS pid');
    await cluster.master.sql('SELECT pg_terminate_backend($1)', [pid.ok ? Number(pid.value[0]?.['pid']) : 0]);
    const lost = await session.query('SELECT 1 AS one');
    expect(lost).toMatchObject({ ok: false });
    const began = performance.now();
    expect(await session.query('SELECT 1 AS one')).toMatchObject({ ok: false, error: { server: def.name } });
    expect(performance.now() - began).toBeLessThan(1000);
    await session.close();
  });

  test('answers while all connections are in use', async () => {
    const clients = Array.from({ length: 12 }, () =>
      openClient({
        host: cluster.master.socket_dir,
        port: def.port,
        user: 'postgres',
        database: 'postgres',
        timeout: 5000,
      }),
    );
    await Promise.allSettled(clients.map((client) => client.connect()));
    const { reach, results } = await sql.look(def, [{ text: 'SELECT 1' }]);
    expect(reach).toMatchObject({ kind: 'saturated' });
    expect(reach.detail).toContain('53300');
    expect(results).toEqual([]);
    expect((await sql.identify(def)).ok).toBe(true);
    for (const client of clients) closeClient(client, 100);
    await waitFor(async () => (await sql.query(def, 'SELECT 1')).ok, { deadline: 5000, what: 'a free connection' });
  });

  test('uses the other kind of replication connection where pg_hba.conf forbids this one', async () => {
    const file = join(cluster.master.pgdata, 'pg_hba.conf');
    const before = readFileSync(file, 'utf8');
    writeFileSync(file, before.replaceAll(/^host replication.*$/gm, ''));
    await cluster.master.sql('SELECT pg_reload_conf()');
    try {
      await waitFor(
        async () => ((await sql.identify({ ...def }, { database: 'nowhere' })).ok ? '' : 'pg_hba').includes('pg_hba'),
        { deadline: 5000, what: 'the new pg_hba.conf' },
      );
      expect((await sql.identify(def)).ok).toBe(true);
    } finally {
      writeFileSync(file, before);
      await cluster.master.sql('SELECT pg_reload_conf()');
    }
  });
});

describe('a server that does not let us in', () => {
  test.each([
    ['a wrong password', { passwords: { ...passwords, handyrep: 'wrong-secret' } }, '28P01'],
    ['no password', { passwords: { ...passwords, handyrep: null } }, 'NO_PASSWORD'],
    ['no such database', { passwords, handyrep_db: 'nowhere' }, '3D000'],
    ['TLS where there is none', { passwords, sslmode: 'require' as const }, undefined],
  ])('%s: rejected', async (_, more, cause) => {
    const port = createSql(sqlSettings(more));
    expect((await port.look(def, [])).reach.kind).toBe('rejected');
    const failure = await failureOf(def, port);
    expect(failure).toMatchObject({ code: 'sql_connect', server: 'db1' });
    expect(failure.cause).toBe(cause);
    expect(failure.message).toContain(`127.0.0.1:${String(def.port)}`);
    expect(failure.hint).not.toBe('');
    expect(JSON.stringify(failure)).not.toContain('wrong-secret');
  });

  test('prefer and allow go on in plain text where there is no TLS', async () => {
    for (const sslmode of ['prefer', 'allow'] as const) {
      expect((await createSql(sqlSettings({ passwords, sslmode })).query(def, 'SELECT 1')).ok).toBe(true);
    }
  });

  test('nobody listens', async () => {
    const [port = 1] = await takePorts(1);
    expect((await sql.look({ ...def, port }, [])).reach.kind).toBe('refused');
    expect(await failureOf({ ...def, port })).toMatchObject({ code: 'sql_connect', cause: 'ECONNREFUSED' });
    const socket = { ...def, hostname: folder };
    expect((await sql.look(socket, [])).reach.kind).toBe('refused');
  });

  test('no such name', async () => {
    const lost = { ...def, hostname: 'no-such-host.invalid' };
    expect((await sql.look(lost, [])).reach.kind).toBe('unresolved');
  });

  test('a file of ours that cannot be read is no evidence', async () => {
    const port = createSql(sqlSettings({ passwords, sslmode: 'verify-full', sslrootcert: join(folder, 'missing') }));
    const { reach } = await port.look(def, []);
    expect(reach.kind).toBe('unresolved');
    expect(reach.detail).toContain('ENOENT');
  });

  test('a frozen server is given up in time, and a thawed one answers', async () => {
    cluster.master.freeze();
    try {
      for (const sslmode of ['disable', 'prefer'] as const) {
        const began = performance.now();
        const { reach } = await createSql(sqlSettings({ passwords, sslmode, connect_timeout: 300 })).look(def, []);
        expect(performance.now() - began).toBeLessThan(1500);
        expect(reach.kind).toBe('timeout');
      }
      expect(await sql.identify(def, { timeout: 300 })).toMatchObject({ ok: false, error: { code: 'sql_connect' } });
    } finally {
      cluster.master.thaw();
    }
    expect((await sql.query(def, 'SELECT 1')).ok).toBe(true);
  });

  test('an abort ends it at once and is no evidence', async () => {
    const fake = await startFake(() => undefined);
    const controller = new AbortController();
    const look = sql.look({ ...def, port: fake.port }, [], { signal: controller.signal });
    controller.abort();
    expect((await look).reach.kind).toBe('unresolved');
    const done = await sql.query(def, 'SELECT 1', [], { signal: controller.signal });
    expect(done).toMatchObject({ ok: false, error: { code: 'aborted' } });
    await fake.stop();
  });
});

describe('fake servers', () => {
  const errorResponse = (state: string, message: string): Buffer => {
    const body = Buffer.from(`SFATAL\0VFATAL\0C${state}\0M${message}\0\0`);
    const length = Buffer.alloc(4);
    length.writeInt32BE(body.length + 4);
    return Buffer.concat([Buffer.from('E'), length, body]);
  };

  test.each([
    ['57P03', 'the database system is starting up', 'starting'],
    ['57P03', 'the database system is shutting down', 'stopping'],
    ['53300', 'sorry, too many clients already', 'saturated'],
  ])('%s %s', async (state, message, kind) => {
    const fake = await startFake((socket) => socket.once('data', () => socket.end(errorResponse(state, message))));
    expect((await sql.look({ ...def, port: fake.port }, [])).reach).toEqual({ kind, detail: `${state} ${message}` });
    await fake.stop();
  });

  test('one that closes at once is refused; one that drips is given up in time', async () => {
    const closing = await startFake((socket) => socket.end());
    for (const sslmode of ['disable', 'prefer'] as const) {
      const { reach } = await createSql(sqlSettings({ sslmode })).look({ ...def, port: closing.port }, []);
      expect(reach).toMatchObject({ kind: 'refused' });
    }
    await closing.stop();
    const dripping = await startFake((socket) => {
      const timer = setInterval(() => socket.write('R'), 50);
      socket.on('close', () => {
        clearInterval(timer);
      });
    });
    const began = performance.now();
    const { reach } = await createSql(sqlSettings({ connect_timeout: 400 })).look({ ...def, port: dripping.port }, []);
    expect(performance.now() - began).toBeLessThan(1500);
    expect(reach.kind).toBe('timeout');
    await dripping.stop();
  });
});

describe('our own environment', () => {
  test('libpq variables change nothing', async () => {
    const set = {
      PGHOST: '192.0.2.1',
      PGPORT: '1',
      PGUSER: 'nobody',
      PGDATABASE: 'nowhere',
      PGPASSWORD: 'wrong',
      PGOPTIONS: '-c statement_timeout=1',
      PGREPLICATION: 'true',
      PGSSLMODE: 'require',
      PGAPPNAME: 'other',
      PGSSLNEGOTIATION: 'direct',
    };
    const before = { ...process.env };
    Object.assign(process.env, set);
    try {
      const done = await sql.query(def, "SELECT current_user AS u, current_setting('application_name') AS a");
      expect(done).toEqual({ ok: true, value: [{ u: 'handyrep', a: 'handyrep' }] });
      expect(process.env['PGHOST']).toBe('192.0.2.1');
    } finally {
      for (const name of Object.keys(set)) {
        if (before[name] === undefined) Reflect.deleteProperty(process.env, name);
        else process.env[name] = before[name];
      }
    }
  });

  test('a password file is read, unless others may read it too', async () => {
    const file = join(folder, 'pgpass');
    const escaped = PASSWORD.replaceAll(/[\\:]/g, '\\$&');
    const port = createSql(sqlSettings({ env: { PGPASSFILE: file, PGPASSWORD: 'wrong' } }));
    writeFileSync(
      file,
      `# a comment\n127.0.0.1:1:*:*:other\n127.0.0.1:*:replication:replicator:${escaped}\n*:*:postgres:handyrep:${escaped}\n`,
      { mode: 0o600 },
    );
    expect((await port.query(def, 'SELECT 1')).ok).toBe(true);
    expect((await port.identify(def)).ok).toBe(true);
    rmSync(file);
    writeFileSync(file, `*:*:*:*:${escaped}\n`, { mode: 0o644 });
    const failure = await failureOf(def, port);
    expect(failure.message).toContain('others may read it');
  });
});

describe('stopping', () => {
  test('a server that waits for its clients to leave says that it is shutting down', async () => {
    const client = openClient({
      host: cluster.master.socket_dir,
      port: def.port,
      user: 'postgres',
      database: 'postgres',
      timeout: 5000,
    });
    await client.connect();
    process.kill(cluster.master.pid() ?? -1, 'SIGTERM');
    await waitFor(async () => (await sql.look(def, [])).reach.kind === 'stopping', { deadline: 5000, what: '57P03' });
    closeClient(client, 100);
    await waitFor(() => !cluster.master.isRunning(), { deadline: 20_000, what: 'the server to stop' });
    expect((await sql.look(def, [])).reach.kind).toBe('refused');
  }, 30_000);
});
