import { type ChildProcess, spawn } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { SavedState } from '../../src/core/model.js';
import { thisProcess } from '../../src/state/process-identity.js';
import { type DemoCluster, startCluster, waitFor, withCluster } from '../pg/harness.js';
import { type Lab, calmLab, recovering, runCommand } from './lab.js';
import { type Spare, hasBasebackup, ownFile, ownFolder, spareServer, spareSettings } from './spare.js';

interface Answer {
  readonly exit_code: number;
  readonly details: string;
  readonly hint?: string;
  readonly servers: readonly { readonly server: string; readonly result: string; readonly bytes: number }[];
}

async function cloneJson(lab: Lab, ...args: string[]): Promise<Answer> {
  const { stdout, stderr } = await runCommand(lab, ['--json', '--yes', 'clone', ...args]);
  expect(stderr).toBe('');
  return JSON.parse(stdout) as Answer;
}

async function slots(cluster: DemoCluster): Promise<readonly unknown[]> {
  const rows = await cluster.master.sql('SELECT slot_name FROM pg_replication_slots ORDER BY 1');
  return rows.map((row) => row['slot_name']);
}

/** The same rows on both, soon. */
async function sameRows(cluster: DemoCluster, spare: Spare['server'], table: string): Promise<void> {
  await cluster.master.sql(`INSERT INTO ${table} VALUES (random())`);
  const count = `SELECT count(*) FROM ${table}`;
  const [there] = await cluster.master.sql(count);
  await waitFor(async () => (await spare.sql(count))[0]?.['count'] === there?.['count'], {
    deadline: 10_000,
    what: `${table} on ${spare.name}`,
  });
}

const basebackup = await hasBasebackup();

describe.skipIf(!basebackup)('a server that has no data', () => {
  let cluster: DemoCluster;
  let lab: Lab;
  const spares: Spare[] = [];
  beforeAll(async () => {
    cluster = await startCluster({ replicas: 1 });
    for (const name of ['db3', 'db4']) spares.push(await spareServer(cluster, name));
    lab = await calmLab(cluster, { servers: Object.fromEntries(spares.map((one) => [one.server.name, one.entry])) });
    await cluster.master.sql('CREATE TABLE grown AS SELECT random() AS x FROM generate_series(1, 1000)');
  }, 60_000);

  test('two at once: each is made, with its own configuration and slot, streams and moves on', async () => {
    const report = await cloneJson(lab, 'db3', 'db4');
    expect(report).toMatchObject({
      exit_code: 0,
      details: '2 of 2 servers were cloned',
      servers: [
        { server: 'db3', source: 'db1', result: 'SUCCESS', exit_code: 0 },
        { server: 'db4', source: 'db1', result: 'SUCCESS', exit_code: 0 },
      ],
    });
    for (const { bytes } of report.servers) expect(bytes).toBeGreaterThan(10_000_000);
    for (const { server } of spares) {
      expect(await recovering(server)).toBe(true);
      await sameRows(cluster, server, 'grown');
      const [row] = await server.sql('SHOW cluster_name');
      expect(row?.['cluster_name']).toBe(server.name);
    }
    expect(await slots(cluster)).toEqual(['handyrep_db2', 'handyrep_db3', 'handyrep_db4']);
    const polled = await lab.verify();
    expect(polled.servers.map((one) => [one.name, one.enabled, one.status])).toEqual(
      ['db1', 'db2', 'db3', 'db4'].map((name) => [name, true, 'healthy']),
    );
    const saved = await lab.saved();
    expect(saved.rebuilds).toEqual([]);
    expect(saved.history.map((one) => [one.kind, one.result])).toEqual([
      ['clone', 'SUCCESS'],
      ['clone', 'SUCCESS'],
    ]);
    expect(readdirSync(cluster.folder).filter((name) => name.startsWith('.handyrep'))).toEqual([]);
  });

  test('from a replica: it follows the master all the same', async () => {
    const [spare] = spares;
    if (spare === undefined) throw new Error('no spare');
    const report = await cloneJson(lab, 'db3', '--from', 'db4', '--reclone');
    expect(report).toMatchObject({ exit_code: 0, servers: [{ server: 'db3', source: 'db4' }] });
    expect(report.details).toBe('db3 was made from db4: db3 streams from db1');
    await sameRows(cluster, spare.server, 'grown');
    expect(await slots(cluster)).toEqual(['handyrep_db2', 'handyrep_db3', 'handyrep_db4']);
  });

  test('one that diverged is replaced, and keeps its port', async () => {
    const [, spare] = spares;
    if (spare === undefined) throw new Error('no spare');
    await spare.server.sql('SELECT pg_promote()');
    await spare.server.sql('CREATE TABLE only_here ()');
    await spare.server.stop();
    expect(await cloneJson(lab, 'db4')).toMatchObject({ exit_code: 4 });
    expect(await cloneJson(lab, 'db4', '--reclone')).toMatchObject({ exit_code: 0 });
    expect(await spare.server.sql(`SELECT FROM pg_class WHERE relname = 'only_here'`)).toEqual([]);
    await sameRows(cluster, spare.server, 'grown');
  });
});

describe.skipIf(!basebackup)('what lies outside of the data directory', () => {
  test('tablespaces, WAL, and configuration as Debian has it', async () => {
    await withCluster({ replicas: 0 }, async (cluster) => {
      const spare = await spareServer(cluster, 'db3', { configured: false });
      const [there, here, wal, conf] = ['ts', 'ts3', 'wal3', 'conf3'].map((name) => join(cluster.folder, name)) as [
        string,
        string,
        string,
        string,
      ];
      for (const path of [there, wal, conf]) ownFolder(cluster, path);
      const { port, log_file, pgdata } = spare.server;
      const settings = spareSettings(cluster, 'db3', port, log_file);
      const files = { data_directory: pgdata, hba_file: join(conf, 'pg_hba.conf') };
      const lines = Object.entries(files).map(([name, value]) => `${name} = '${value}'\n`);
      ownFile(cluster, join(conf, 'postgresql.conf'), settings + lines.join(''));
      ownFile(cluster, join(conf, 'pg_hba.conf'), 'local all all trust\nhost all all 127.0.0.1/32 trust\n');
      await cluster.master.sql(`CREATE TABLESPACE fast LOCATION '${there}'`);
      await cluster.master.sql('CREATE TABLE far TABLESPACE fast AS SELECT random() AS x');
      const lab = await calmLab(cluster, {
        servers: { db3: { ...spare.entry, pgconf: conf } },
        plugins: { clone_basebackup: { tablespace_mapping: { [there]: here }, waldir: wal, verify: true } },
      });
      expect(await cloneJson(lab, 'db3')).toMatchObject({ exit_code: 0 });
      await sameRows(cluster, spare.server, 'far');
      expect(readlinkSync(join(pgdata, 'pg_wal'))).toBe(wal);
      const [link = ''] = readdirSync(join(pgdata, 'pg_tblspc'));
      expect(readlinkSync(join(pgdata, 'pg_tblspc', link))).toBe(here);

      // Once more, without saying where WAL goes: the link in the old directory says it.
      const again = await lab.reconfigure({ plugins: { clone_basebackup: { tablespace_mapping: { [there]: here } } } });
      expect(await cloneJson(again, 'db3', '--reclone')).toMatchObject({ exit_code: 0 });
      expect(readlinkSync(join(pgdata, 'pg_wal'))).toBe(wal);
      await sameRows(cluster, spare.server, 'far');

      // A folder of somebody else's is not touched.
      const used = await again.reconfigure({
        plugins: { clone_basebackup: { tablespace_mapping: { [there]: conf } } },
      });
      const refused = await used.handyrep.clone('db3', { reclone: true });
      expect(refused).toMatchObject({ exit_code: 4, details: `db3: the directory ${conf} is not empty` });
      expect(await recovering(spare.server)).toBe(true);
    });
  });
});

describe.skipIf(!basebackup)('a former master', () => {
  test('is copied over when what only it has is saved, and becomes a replica of the new one', async () => {
    await withCluster({ replicas: 1 }, async (cluster) => {
      const lab = await calmLab(cluster);
      await cluster.master.killTree();
      await cluster.master.collected();
      expect(await lab.check()).toMatchObject({ failed_over: true, operation: { new_master: 'db2' } });
      const done = await lab.handyrep.clone('db1', { reclone: true });
      expect(done).toMatchObject({ exit_code: 0, details: 'db1 was made from db2: db1 streams from db2' });
      expect((await cluster.master.sql('SHOW port'))[0]?.['port']).toBe(String(cluster.master.port));
      const saved = await lab.saved();
      expect(saved.former_masters).toEqual([]);
      expect(saved.servers['db1']).toMatchObject({
        def: { role: 'replica', enabled: true },
        status: { status: 'healthy' },
      });
    });
  });
});

describe('refused', () => {
  let cluster: DemoCluster;
  let lab: Lab;
  let spare: Spare;
  beforeAll(async () => {
    cluster = await startCluster({ replicas: 1 });
    spare = await spareServer(cluster, 'db3', { configured: false });
    lab = await calmLab(cluster, { servers: { db3: spare.entry } });
  }, 60_000);

  const refusal = async (name: string, options: { readonly reclone?: boolean; readonly from?: string } = {}) => {
    const { exit_code, details, hint } = await lab.handyrep.clone(name, options);
    return { exit_code, details, hint };
  };

  test('names that are none', async () => {
    expect(await refusal('db9')).toMatchObject({ exit_code: 2, details: 'there is no server db9' });
    expect(await refusal('db2', { from: 'db9' })).toMatchObject({ exit_code: 2 });
    expect(await refusal('db2', { from: 'db2' })).toMatchObject({ exit_code: 2 });
    expect((await runCommand(lab, ['clone'])).code).toBe(2);
  });

  test('the master, whatever is asked for', async () => {
    const said = { exit_code: 4, details: 'db1: it is the master, which is never made anew' };
    expect(await refusal('db1')).toMatchObject(said);
    expect(await refusal('db1', { reclone: true, from: 'db2' })).toMatchObject(said);
  });

  test('a replica that runs; --reclone, which asks, says that it may be', async () => {
    const pid = String(cluster.server('db2').pid());
    expect(await refusal('db2')).toEqual({
      exit_code: 4,
      details: `db2: it runs (pid ${pid}, ${cluster.server('db2').pgdata})`,
      hint: '`handyrep clone db2 --reclone` stops it and replaces what it holds',
    });
    const asked = await runCommand(lab, ['clone', 'db2', '--reclone']);
    expect(asked).toMatchObject({ code: 4, stdout: '' });
    expect(asked.stderr).toContain('--yes');
    expect(cluster.server('db2').isRunning()).toBe(true);
  });

  test('a port that it would not have', async () => {
    expect(await refusal('db3')).toMatchObject({
      exit_code: 4,
      details: `db3: it would get the configuration of db1, whose port is ${cluster.master.port}, not ${spare.server.port}`,
    });
  });

  test('a folder of something else, and a data directory of another cluster', async () => {
    const { pgdata } = spare.server;
    ownFolder(cluster, pgdata);
    ownFile(cluster, join(pgdata, 'thesis.tex'), 'ten years of work');
    expect(await refusal('db3', { reclone: true })).toMatchObject({
      exit_code: 4,
      details: `db3: ${pgdata} is neither empty nor a data directory: thesis.tex`,
    });
    expect(readFileSync(join(pgdata, 'thesis.tex'), 'utf8')).toBe('ten years of work');
    rmSync(pgdata, { recursive: true });
    await withCluster({ replicas: 0, fresh: true }, async (other) => {
      await other.master.stop();
      const fresh = await calmLab(cluster, {
        handyrep: { override_server_file: true },
        servers: { db3: { ...spare.entry, pgdata: other.master.pgdata } },
      });
      expect(await fresh.handyrep.clone('db3', { reclone: true })).toMatchObject({
        exit_code: 4,
        details: expect.stringContaining('is of another cluster (system identifier') as string,
      });
      expect(existsSync(join(other.master.pgdata, 'PG_VERSION'))).toBe(true);
      await other.master.start();
      expect(await fresh.handyrep.clone('db3', { reclone: true, force: true })).toMatchObject({ exit_code: 4 });
    });
  });

  test('programs of another version', async () => {
    const bin = join(cluster.folder, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'postgres'), '#!/bin/sh\necho "postgres (PostgreSQL) 9.6"\n', { mode: 0o755 });
    ownFolder(cluster, spare.server.pgdata);
    ownFile(cluster, join(spare.server.pgdata, 'postgresql.conf'), '');
    const fresh = await calmLab(cluster, {
      handyrep: { override_server_file: true },
      servers: { db3: { ...spare.entry, bin_dir: bin } },
    });
    expect(await fresh.handyrep.clone('db3')).toMatchObject({
      exit_code: 4,
      details: expect.stringContaining(`db3: ${bin}/postgres is PostgreSQL 9, and db1 is`) as string,
    });
  });

  test('one that another run makes at this moment: busy', async () => {
    const file = join(lab.dir, 'servers.save');
    const saved = JSON.parse(readFileSync(file, 'utf8')) as SavedState;
    const rebuild = { server: 'db3', kind: 'clone', method: 'clone_basebackup', source: 'db1', run: 'abcd' };
    const more = { begun: new Date().toISOString(), owner: thisProcess(), touched: true, broken: null };
    writeFileSync(file, JSON.stringify({ ...saved, generation: 99, rebuilds: [{ ...rebuild, ...more }] }));
    expect(await refusal('db3')).toMatchObject({
      exit_code: 3,
      details: expect.stringContaining('under way') as string,
    });
    writeFileSync(file, JSON.stringify({ ...saved, generation: 100 }));
  });
});

/** A WAL sender notices the end of its client when it next writes to it. */
async function slotsGone(cluster: DemoCluster): Promise<void> {
  await waitFor(async () => (await slots(cluster)).length === 1, { deadline: 10_000, what: 'the slots to go' });
}

/** The command in a process of its own, to be interrupted. */
function startClone(lab: Lab, ...args: string[]): { readonly child: ChildProcess; readonly ended: Promise<string> } {
  const bin = join(import.meta.dirname, '../../bin/handyrep.ts');
  const argv = ['--import', 'tsx', bin, '-c', lab.config, '--json', '--yes', 'clone', ...args];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return { child, ended: new Promise((resolve) => child.once('close', () => resolve(said))) };
}

describe.skipIf(!basebackup)('broken off', () => {
  let cluster: DemoCluster;
  let lab: Lab;
  let spare: Spare;
  beforeAll(async () => {
    cluster = await startCluster({ replicas: 1 });
    spare = await spareServer(cluster, 'db3');
    lab = await calmLab(cluster, {
      servers: { db3: spare.entry },
      plugins: { clone_basebackup: { max_rate: '2M' } },
    });
  }, 60_000);

  const copying = () =>
    waitFor(() => existsSync(join(spare.server.pgdata, 'base')), { deadline: 20_000, what: 'the copy to begin' });
  const conf = ['pg_hba.conf', 'postgresql.conf'];

  test('ctrl-C: the half copy and the slots are gone, the server is disabled, the next clone works', async () => {
    const { child, ended } = startClone(lab, 'db3');
    await copying();
    const other = await lab.handyrep.clone('db3');
    expect(other).toMatchObject({ exit_code: 3 });
    // While it copies nobody is kept from checking.
    expect((await lab.check()).exit_code).toBe(0);
    child.kill('SIGINT');
    expect(JSON.parse(await ended)).toMatchObject({
      exit_code: 1,
      details: 'clone of db3 failed: it was interrupted; what was copied was removed, and no slot is left',
    });
    expect(readdirSync(spare.server.pgdata).sort()).toEqual(conf);
    await slotsGone(cluster);
    expect((await lab.saved()).servers['db3']?.def.enabled).toBe(false);
  });

  test('SIGKILL of HandyRep: the same without it, and the next clone works', async () => {
    const { child, ended } = startClone(lab, 'db3');
    await copying();
    child.kill('SIGKILL');
    await ended;
    await waitFor(() => !existsSync(join(spare.server.pgdata, 'base')), {
      deadline: 10_000,
      what: 'the half copy to go',
    });
    await slotsGone(cluster);
    expect((await lab.check()).exit_code).toBe(0);
    const saved = await lab.saved();
    expect(saved.rebuilds).toMatchObject([{ server: 'db3', broken: expect.stringContaining('died') as string }]);
    expect(saved.servers['db3']?.def.enabled).toBe(false);
    const fast = await lab.reconfigure({ plugins: { clone_basebackup: {} } });
    expect(await cloneJson(fast, 'db3')).toMatchObject({ exit_code: 0 });
    expect(await recovering(spare.server)).toBe(true);
    expect((await spare.server.sql('SHOW port'))[0]?.['port']).toBe(String(spare.server.port));
    expect((await lab.saved()).rebuilds).toEqual([]);
    expect(lstatSync(join(spare.server.pgdata, 'pg_wal')).isDirectory()).toBe(true);
  });
});
