import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestSshd, startSshd } from '../hosts/sshd.js';
import { type DemoCluster, startCluster, waitFor, withCluster } from '../pg/harness.js';
import { type Lab, calmLab, recovering, runCommand } from './lab.js';
import { type Spare, ownFile, ownFolder, spareServer } from './spare.js';

interface Answer {
  readonly exit_code: number;
  readonly details: string;
  readonly servers: readonly { readonly bytes: number }[];
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

const METHOD = { server_defaults: { clone_method: 'clone_rsync' } };

describe('clone_rsync', () => {
  let cluster: DemoCluster;
  let lab: Lab;
  let spare: Spare;
  let paths: Readonly<Record<'there' | 'here' | 'wal', string>>;
  beforeAll(async () => {
    cluster = await startCluster({ replicas: 0 });
    spare = await spareServer(cluster, 'db3');
    const at = (name: string): string => join(cluster.folder, name);
    paths = { there: at('ts'), here: at('ts3'), wal: at('wal3') };
    ownFolder(cluster, paths.there);
    ownFolder(cluster, paths.wal);
    await cluster.master.sql(`CREATE TABLESPACE fast LOCATION '${paths.there}'`);
    await cluster.master.sql('CREATE TABLE far TABLESPACE fast AS SELECT random() AS x FROM generate_series(1, 50000)');
    lab = await calmLab(cluster, {
      ...METHOD,
      servers: { db3: spare.entry },
      plugins: { clone_rsync: { tablespace_mapping: { [paths.there]: paths.here }, waldir: paths.wal } },
    });
  }, 60_000);

  const rows = async (server: DemoCluster['master']) =>
    (await server.sql('SELECT count(*), sum((x * 1e9)::bigint) FROM far'))[0];

  test('copies while the master writes, with tablespaces and a separate WAL directory', async () => {
    const writing = cluster.master.sql('INSERT INTO far SELECT random() FROM generate_series(1, 200000)', [], {
      timeout: 60_000,
    });
    expect(await cloneJson(lab, 'db3')).toMatchObject({
      exit_code: 0,
      details: 'db3 was made from db1: db3 streams from db1',
    });
    await writing;
    await waitFor(async () => JSON.stringify(await rows(spare.server)) === JSON.stringify(await rows(cluster.master)), {
      deadline: 10_000,
      what: 'the same rows',
    });
    const { pgdata } = spare.server;
    expect(readlinkSync(join(pgdata, 'pg_wal'))).toBe(paths.wal);
    const [link = ''] = readdirSync(join(pgdata, 'pg_tblspc'));
    expect(readlinkSync(join(pgdata, 'pg_tblspc', link))).toBe(paths.here);
    expect(await slots(cluster)).toEqual(['handyrep_db3']);
  });

  test('over a server that diverged it sends the differences, and nothing of the old history is left', async () => {
    await spare.server.sql('SELECT pg_promote()');
    await spare.server.sql('CREATE TABLE only_here ()');
    await spare.server.sql('UPDATE far SET x = 0');
    await spare.server.stop();
    const report = await cloneJson(lab, 'db3', '--reclone');
    expect(report).toMatchObject({ exit_code: 0 });
    expect(await recovering(spare.server)).toBe(true);
    expect(await spare.server.sql(`SELECT FROM pg_class WHERE relname = 'only_here'`)).toEqual([]);
    expect(await rows(spare.server)).toEqual(await rows(cluster.master));
    const names = readdirSync(paths.wal).filter((name) => /^[0-9A-F]{24}$/.test(name));
    expect(names.every((name) => name.startsWith('00000001'))).toBe(true);
  });

  test('ctrl-C: the half copy is gone, and so are slot and backup; the next one works', async () => {
    const slow = await lab.reconfigure({
      plugins: {
        clone_rsync: {
          tablespace_mapping: { [paths.there]: paths.here },
          waldir: paths.wal,
          arguments: ['--checksum', '--whole-file', '--bwlimit=1000', '--ignore-times'],
        },
      },
    });
    const bin = join(import.meta.dirname, '../../bin/handyrep.ts');
    const argv = ['--import', 'tsx', bin, '-c', slow.config, '--json', '--yes', 'clone', 'db3', '--reclone'];
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const ended = new Promise((resolve) => child.once('close', resolve));
    const { pgdata } = spare.server;
    await waitFor(() => !existsSync(join(pgdata, 'global/pg_control')), {
      deadline: 20_000,
      what: 'the copy to begin',
    });
    child.kill('SIGINT');
    await ended;
    expect(JSON.parse(said)).toMatchObject({ exit_code: 1, details: expect.stringContaining('interrupted') as string });
    expect(existsSync(join(pgdata, 'base'))).toBe(false);
    expect(readFileSync(join(pgdata, 'postgresql.conf'), 'utf8')).toContain(String(spare.server.port));
    expect(await slots(cluster)).toEqual([]);
    const fast = await lab.reconfigure({});
    expect(await cloneJson(fast, 'db3')).toMatchObject({ exit_code: 0 });
    expect(await rows(spare.server)).toEqual(await rows(cluster.master));
  });
});

describe('clone_rsync between two hosts', () => {
  let sshd: TestSshd;
  beforeAll(async () => {
    sshd = await startSshd();
  }, 30_000);
  afterAll(() => sshd.stop());

  test('the target pulls by ssh; one that may not is told so before anything is touched', async () => {
    await withCluster({ replicas: 0 }, async (cluster) => {
      const spare = await spareServer(cluster, 'db3');
      // The postgres OS user of the target has a key of its own.
      const key = join(cluster.folder, 'key');
      ownFile(cluster, key, readFileSync(sshd.keyFile, 'utf8'));
      ownFile(cluster, join(cluster.folder, 'known_hosts'), readFileSync(sshd.knownHosts, 'utf8'));
      const ssh = `ssh -F none -i ${key} -o BatchMode=yes -o UserKnownHostsFile=${join(cluster.folder, 'known_hosts')}`;
      const become = process.getuid?.() === 0 ? 'sudo' : 'none';
      const lab = await calmLab(cluster, {
        server_defaults: {
          ...METHOD.server_defaults,
          ...{ connection: 'ssh', ssh_port: sshd.port, ssh_user: sshd.user, become },
        },
        servers: { db3: spare.entry },
        plugins: { clone_rsync: { ssh, ssh_user: cluster.os_user ?? userInfo().username } },
        env: { HANDYREP_SSH_CONFIG: sshd.configFile },
      });
      const nobody = await lab.reconfigure({ plugins: { clone_rsync: { ssh: 'ssh -F none -o BatchMode=yes' } } });
      const refused = await nobody.handyrep.clone('db3');
      expect(refused).toMatchObject({
        exit_code: 1,
        details: expect.stringContaining('rsync cannot read from db1') as string,
      });
      expect(readdirSync(spare.server.pgdata).sort()).toEqual(['pg_hba.conf', 'postgresql.conf']);
      expect((await lab.saved()).rebuilds).toEqual([]);

      const right = await lab.reconfigure({});
      expect(await right.handyrep.clone('db3')).toMatchObject({ exit_code: 0 });
      expect(await recovering(spare.server)).toBe(true);
    });
  });
});
