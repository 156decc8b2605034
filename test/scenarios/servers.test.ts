import { beforeAll, describe, expect, test } from 'vitest';
import { type DemoCluster, startCluster, waitFor, withCluster } from '../pg/harness.js';
import { type Lab, calmLab, createLab, runCommand } from './lab.js';
import { changeSaved, rebuildOf } from './saved.js';

let cluster: DemoCluster;
let lab: Lab;

beforeAll(async () => {
  cluster = await startCluster({ replicas: 2 });
  lab = await calmLab(cluster);
}, 90_000);

interface Told {
  readonly code: unknown;
  readonly report: Readonly<Record<string, unknown>>;
}

async function json(...args: readonly string[]): Promise<Told> {
  const done = await runCommand(lab, ['--json', 'server', ...args]);
  return { code: done.code, report: JSON.parse(done.stdout) as Told['report'] };
}

const slots = async (): Promise<readonly unknown[]> =>
  (await cluster.master.sql('SELECT slot_name FROM pg_replication_slots ORDER BY 1')).map((row) => row['slot_name']);

describe('list and show', () => {
  test('list: one line a server', async () => {
    const done = await runCommand(lab, ['server', 'list']);
    expect(done.code).toBe(0);
    const lines = done.stdout.trimEnd().split('\n');
    expect(lines.map((line) => line.split(/\s+/)[0])).toEqual(['server', 'db1', 'db2', 'db3']);
    expect(await json('list')).toMatchObject({
      code: 0,
      report: { details: '3 server(s), 0 disabled', master: 'db1' },
    });
  });

  test('show: its definition and status', async () => {
    const done = await runCommand(lab, ['server', 'show', 'db2']);
    expect(done.code).toBe(0);
    expect(done.stdout).toContain('db2 is healthy');
    expect(done.stdout).toContain('  slot: handyrep_db2');
    expect(await json('show', 'db2')).toMatchObject({
      report: { server: { name: 'db2', slot: 'handyrep_db2', definition: { use_slots: true }, former_master: null } },
    });
  });

  test('before any check the servers are those of the configuration', async () => {
    const fresh = await createLab(cluster);
    expect(await fresh.handyrep.listServers()).toMatchObject({ exit_code: 0, stale: true, master: 'db1' });
    expect(await fresh.handyrep.showServer('db2')).toMatchObject({ server: { status: 'unknown' } });
  });
});

describe('add', () => {
  test('a server is disabled, with the rest from server_defaults, in the file and the table', async () => {
    const { code, report } = await json(
      'add',
      'db4',
      'hostname=127.0.0.1',
      'port=1',
      'pgdata=/nowhere/4',
      'lag_limit=1GB',
    );
    expect(code).toBe(0);
    expect(report).toMatchObject({
      changed: true,
      server: {
        name: 'db4',
        role: 'replica',
        enabled: false,
        definition: { connection: 'local', lag_limit: 1024 ** 3 },
      },
    });
    expect((await lab.saved()).servers['db4']?.def).toMatchObject({ port: 1, enabled: false });
    const [row] = await cluster.master.sql(
      `SELECT state->'servers'->'db4'->'def'->>'port' AS port FROM handyrep.handyrep`,
    );
    expect(row).toEqual({ port: '1' });
    // The next check does not look at it.
    expect((await lab.check()).exit_code).toBe(0);
  });

  test('every problem is told at once, with what was meant', async () => {
    const { code, report } = await json(
      'add',
      '../x',
      'hostnme=h',
      'port=0',
      'restart_method=restart_pg_clt',
      'role=replcia',
      'enabled=true',
      'word',
    );
    expect(code).toBe(2);
    for (const part of [
      '8 problems',
      '"../x" cannot be the name of a server',
      'did you mean hostname?',
      'port=0 is not accepted',
      'did you mean restart_pg_ctl?',
      'did you mean replica?',
      'handyrep server enable',
      '"word" is not of the form key=value',
      'needs hostname=HOST',
    ])
      expect(report['details']).toContain(part);
    expect((await lab.saved()).servers['../x']).toBeUndefined();
  });

  test.each([
    [['add', 'db5', 'hostname=h', 'role=master'], 4, 'cannot have role=master: db1 is the master'],
    [['add', 'db2', 'hostname=h'], 2, 'there is a server db2 already'],
    [['add', 'DB-2', 'hostname=h'], 0, 'was added'],
    [['add', 'DB.2', 'hostname=i'], 2, 'would share the replication slot handyrep_db_2'],
    [['add', 'db6'], 2, 'needs hostname=HOST'],
    [['add', '', 'hostname=h'], 2, '"" cannot be the name of a server'],
    [['add', 'dé', 'hostname=h'], 2, 'cannot be the name of a server'],
    [['add', '-rf', 'hostname=h'], 2, "unknown option '-rf'"],
    [['add', 'constructor', 'hostname=h'], 2, 'cannot be the name of a server'],
    [['add', 'db6', 'hostname=h', 'clone_method=poll_connect'], 2, 'is a poll_method, not a clone_method'],
    [['add', 'db6', 'hostname=-oProxyCommand=x'], 2, 'must not begin with'],
    [['add'], 2, 'server add needs the name of a server'],
    [['ad', 'db6'], 2, 'server has list, show, add'],
    [['list', 'db1'], 2, 'server list takes no "db1"'],
    [['show', 'db1', 'db2'], 2, 'server show takes no "db2"'],
    [['show', 'db22'], 2, 'there is no server db22'],
  ] as const)('%j ends with %d', async (args, expected, details) => {
    const { code, report } = await json(...args);
    expect(report['details']).toContain(details);
    expect(code).toBe(expected);
  });

  test('an address that another has is refused', async () => {
    const { port } = cluster.master;
    const { code, report } = await json(
      'add',
      'db7',
      'hostname=127.0.0.1',
      `port=${port.toString()}`,
      'pgdata=/nowhere/7',
    );
    expect(code).toBe(2);
    expect(report['details']).toContain('and port are those of db1 too');
  });
});

describe('alter', () => {
  test('a setting is changed; the same again is nothing to do', async () => {
    const done = await runCommand(lab, ['server', 'alter', 'db3', 'failover_priority=null', 'lag_limit=1MB']);
    expect(done).toMatchObject({ code: 0 });
    expect(done.stdout).toBe('SUCCESS: db3: lag_limit is 1MB, was 100MB, failover_priority is null, was 999\n');
    expect(await lab.handyrep.alterServer('db3', { lag_limit: '1MB' })).toMatchObject({ exit_code: 0, changed: false });
    expect((await lab.saved()).servers['db3']?.calm).not.toBeNull();
  });

  test.each([
    [['alter', 'db2', 'role=master'], 4, 'db1 is the master'],
    [['alter', 'db1', 'role=replica'], 4, 'db1 is no replica: it is not in recovery'],
    [['alter', 'db1', 'port=2'], 4, '127.0.0.1:2 is not db1: it does not let us in'],
    [['alter', 'db2', 'port=2'], 4, '127.0.0.1:2 is not db2'],
    [['alter', 'db2'], 2, 'there is nothing to change'],
    [['alter', 'db2', 'enabled=false'], 2, 'enabled is not set like this'],
    [['alter', 'db8', 'port=1'], 2, 'there is no server db8'],
  ] as const)('%j ends with %d', async (args, expected, details) => {
    const { code, report } = await json(...args);
    expect(report['details']).toContain(details);
    expect(code).toBe(expected);
  });

  test('what is wrong after a change is told with it', async () => {
    const { pgdata } = cluster.server('db2');
    const wrong = await lab.handyrep.alterServer('db2', { pgdata: '/nowhere' });
    expect(wrong).toMatchObject({ exit_code: 0, server: { status: 'warning' } });
    expect(wrong.details).toContain('it is warning: its data directory cannot be judged');
    expect(await lab.handyrep.alterServer('db2', { pgdata })).toMatchObject({ server: { status: 'healthy' } });
  });

  test('the master moves to another name of the same server, and to no other cluster', async () => {
    expect(await lab.handyrep.alterServer('db1', ['hostname=localhost'])).toMatchObject({
      exit_code: 0,
      changed: true,
    });
    expect(await lab.handyrep.alterServer('db1', ['hostname=127.0.0.1'])).toMatchObject({ exit_code: 0 });
    await withCluster({ replicas: 0, fresh: true }, async (other) => {
      const refused = await lab.handyrep.alterServer('db1', { port: other.master.port });
      expect(refused).toMatchObject({ exit_code: 4 });
      expect(refused.details).toContain('its system identifier is');
    });
    expect((await lab.check()).exit_code).toBe(0);
  });
});

describe('enable and disable', () => {
  test('a replica is taken out and let in again', async () => {
    const out = await runCommand(lab, ['server', 'disable', 'db2']);
    expect(out.code).toBe(0);
    expect(out.stdout).toContain('its slot handyrep_db2 on db1 is kept while it streams');
    expect(await lab.handyrep.disableServer('db2')).toMatchObject({ exit_code: 0, changed: false });
    expect(await lab.handyrep.disableServer('db3')).toMatchObject({
      details: expect.stringContaining('min_witnesses is 1') as string,
    });
    expect(await lab.handyrep.enableServer('db3')).toMatchObject({ exit_code: 0 });
    const into = await json('enable', 'db2');
    expect(into).toMatchObject({ code: 0, report: { changed: true, server: { enabled: true, status: 'healthy' } } });
    expect(await lab.handyrep.enableServer('db2')).toMatchObject({ exit_code: 0, changed: false });
  });

  test('the master is not disabled, and not removed', async () => {
    for (const action of ['disable', 'remove'] as const) {
      const { code, report } = await json(action, 'db1', '--yes');
      expect(code).toBe(4);
      expect(report['details']).toContain('db1 is the master');
    }
  });

  test('a server that does not answer is not enabled', async () => {
    const { code, report } = await json('enable', 'db4');
    expect(code).toBe(4);
    expect(report['details']).toContain('db4 is not enabled: it does not let us in: db4: refused');
    expect(report['hint']).toContain('handyrep clone db4');
  });

  test('a replica that does not stream is not enabled, with all that is wrong', async () => {
    await lab.handyrep.disableServer('db3');
    await cluster.server('db3').sql(`ALTER SYSTEM SET primary_conninfo = ''`);
    await cluster.server('db3').sql('SELECT pg_reload_conf()');
    await waitFor(async () => (await cluster.server('db3').sql('SELECT FROM pg_stat_wal_receiver')).length === 0, {
      deadline: 10_000,
      what: 'the WAL receiver to end',
    });
    const refused = await lab.handyrep.enableServer('db3');
    expect(refused).toMatchObject({ exit_code: 4 });
    expect(refused.details).toContain('it does not stream: it has no WAL receiver');
    expect((await lab.handyrep.remaster('db3')).exit_code).toBe(0);
    expect((await lab.handyrep.enableServer('db3')).exit_code).toBe(0);
  });

  test('one whose rebuild was broken off is not enabled; a former master that is a replica is, and is one no more', async () => {
    await lab.handyrep.disableServer('db3');
    await changeSaved(lab, (state) => ({
      ...state,
      rebuilds: [rebuildOf('db3', { kind: 'clone', broken: 'killed' })],
    }));
    expect(await lab.handyrep.enableServer('db3')).toMatchObject({
      exit_code: 4,
      hint: 'do it again with `handyrep clone db3`',
    });
    const former = {
      server: 'db3',
      since: new Date().toISOString(),
      reason: 'test',
      timeline: 1,
      fenced: null,
      rejoin_failures: 0,
    };
    await changeSaved(lab, (state) => ({ ...state, rebuilds: [], former_masters: [former] }));
    expect((await lab.handyrep.enableServer('db3')).exit_code).toBe(0);
    expect((await lab.saved()).former_masters).toEqual([]);
  });
});

describe('remove', () => {
  test('asks, and off a terminal needs --yes', async () => {
    const done = await runCommand(lab, ['server', 'remove', 'db4']);
    expect(done.code).toBe(4);
    expect(done.stdout).toContain('db4 is forgotten, and its replication slot dropped; its data stays where it is');
    expect(done.stdout).toContain('--yes');
    expect(await json('remove', 'db4', '--yes')).toMatchObject({ code: 0, report: { changed: true, server: null } });
    expect((await lab.saved()).servers['db4']).toBeUndefined();
  });

  test('a replica that streams is not removed; stopped it is, and its slot goes', async () => {
    const { code, report } = await json('remove', 'db3', '--yes');
    expect(code).toBe(4);
    expect(report['details']).toContain('db3 still streams from db1');
    expect(report['hint']).toContain('handyrep stop db3');
    await lab.handyrep.stop('db3');
    expect(await lab.handyrep.removeServer('db3', { yes: true })).toMatchObject({
      exit_code: 0,
      details: expect.stringContaining('its slot handyrep_db3 on db1 was dropped') as string,
    });
    expect(await slots()).toEqual(['handyrep_db2']);
  });

  test('not while a clone of it is under way', async () => {
    await changeSaved(lab, (state) => ({ ...state, rebuilds: [rebuildOf('DB-2')] }));
    expect(await lab.handyrep.removeServer('DB-2', { yes: true })).toMatchObject({ exit_code: 4 });
    await changeSaved(lab, (state) => ({
      ...state,
      rebuilds: [rebuildOf('DB-2', { broken: 'killed', touched: true })],
    }));
    expect(await lab.handyrep.removeServer('DB-2', { yes: true })).toMatchObject({ exit_code: 0 });
    expect((await lab.saved()).rebuilds).toEqual([]);
  });
});

test('with override_server_file nothing is changed: the next run would undo it', async () => {
  const other = await lab.reconfigure({ handyrep: { override_server_file: true } });
  expect(await other.handyrep.addServer('db9', { hostname: 'h' })).toMatchObject({ exit_code: 4 });
  await lab.reconfigure({});
});

test('nothing saved and the configuration contradicts what is live: nothing is changed', async () => {
  const wrong = await createLab(cluster, {
    handyrep: { cluster_name: 'other' },
    servers: { db1: { role: 'replica' }, db2: { role: 'master' } },
  });
  for (const refused of [
    await wrong.handyrep.addServer('db9', { hostname: 'h' }),
    await wrong.handyrep.pause(),
    await wrong.handyrep.remaster('db3'),
  ]) {
    expect(refused).toMatchObject({
      exit_code: 4,
      details: expect.stringContaining('contradicts the live cluster') as string,
    });
  }
});
