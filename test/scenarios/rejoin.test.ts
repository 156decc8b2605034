import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { appendFile, readFile, readdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { processTree, signal } from '../../src/demo/processes.js';
import type { RejoinReport } from '../../src/index.js';
import { type TestSshd, startSshd } from '../hosts/sshd.js';
import { type DemoCluster, type DemoServer, waitFor, withCluster } from '../pg/harness.js';
import { type Lab, type LabOptions, calmLab, recovering, runCommand } from './lab.js';

const run = promisify(execFile);

let sshd: TestSshd;
beforeAll(async () => {
  sshd = await startSshd();
}, 30_000);
afterAll(() => sshd.stop());

const overSsh = (): LabOptions => ({
  server_defaults: {
    connection: 'ssh',
    ssh_port: sshd.port,
    ssh_user: sshd.user,
    become: process.getuid?.() === 0 ? 'sudo' : 'none',
  },
  env: { HANDYREP_SSH_CONFIG: sshd.configFile },
});

/** Commits on the master that no replica gets, and then its death. */
async function dieAhead(cluster: DemoCluster): Promise<void> {
  const { master } = cluster;
  await master.sql('CREATE TABLE lost (n int)');
  const synced = (await master.sql('SELECT pg_current_wal_lsn() AS lsn'))[0]?.['lsn'];
  await waitFor(
    async () => {
      const rows = await master.sql('SELECT bool_and(replay_lsn >= $1::pg_lsn) AS there FROM pg_stat_replication', [
        synced,
      ]);
      return rows[0]?.['there'] === 't';
    },
    { deadline: 10_000, what: 'the replicas to have the table' },
  );
  const senders = (await master.sql('SELECT pid FROM pg_stat_replication')).map((row) => Number(row['pid']));
  for (const pid of senders) signal(pid, 'SIGSTOP');
  for (const n of [1, 2, 3]) await master.sql('INSERT INTO lost VALUES ($1)', [n]);
  await master.killTree();
}

async function streams(from: DemoServer, name: string): Promise<boolean> {
  const rows = await from.sql(`SELECT state FROM pg_stat_replication WHERE application_name = $1`, [name]);
  return rows[0]?.['state'] === 'streaming';
}

async function newMaster(cluster: DemoCluster, lab: Lab): Promise<DemoServer> {
  const saved = await lab.saved();
  const found = Object.values(saved.servers).find(({ def }) => def.role === 'master');
  return cluster.server(found?.def.name ?? '');
}

function parse(stdout: string): RejoinReport {
  return JSON.parse(stdout) as RejoinReport;
}

describe.each([
  ['locally', (): LabOptions => ({})],
  ['over ssh', overSsh],
])('a former master with commits that nobody else has, %s', (_how, transport) => {
  test('is rewound, streams again, and what it had is kept', async () => {
    await withCluster({ replicas: 2 }, async (cluster) => {
      const options = transport();
      const lab = await calmLab(cluster, options);
      await dieAhead(cluster);
      expect(await lab.check()).toMatchObject({ exit_code: 0, failed_over: true });
      const master = await newMaster(cluster, lab);
      await master.sql('INSERT INTO lost VALUES (9)');
      await appendFile(join(cluster.master.pgdata, 'postgresql.conf'), "work_mem = '5MB'\n");

      const done = await runCommand(lab, ['--json', '--yes', 'rejoin', 'db1'], options.env ?? {});
      const report = parse(done.stdout);
      expect(report).toMatchObject({ exit_code: 0, server: 'db1', master: master.name, diverged: true });
      expect(report.kept?.transactions).toBeGreaterThanOrEqual(3);
      expect(await streams(master, 'db1')).toBe(true);
      expect(await cluster.master.sql('SELECT n FROM lost')).toEqual([{ n: '9' }]);
      // Its own settings and its own port.
      expect(await cluster.master.sql('SHOW work_mem')).toEqual([{ work_mem: '5MB' }]);
      expect(await cluster.master.sql('SHOW cluster_name')).toEqual([{ cluster_name: 'db1' }]);
      expect(await cluster.master.sql('SELECT slot_name FROM pg_replication_slots')).toEqual([]);

      const saved = await lab.saved();
      expect(saved).toMatchObject({ former_masters: [], rebuilds: [] });
      expect(saved.servers['db1']?.def).toMatchObject({ role: 'replica', enabled: true });
      const folder = report.kept?.folder ?? '';
      expect(saved.history[0]).toMatchObject({ kind: 'rejoin', result: 'SUCCESS' });
      expect(saved.history[0]?.evidence.join('\n')).toContain(folder);
      await expectLost(cluster, folder);
      const beside = await readdir(dirname(cluster.master.pgdata));
      expect(beside.filter((name) => name.startsWith('.handyrep'))).toEqual([]);
      expect((await lab.verify()).cluster).toMatchObject({ status: 'healthy' });
    });
  });
});

/** The three commits are in the kept WAL, by PostgreSQL's own tool, and in the summary. */
async function expectLost(cluster: DemoCluster, folder: string): Promise<void> {
  const summary = await readFile(join(folder, 'summary.txt'), 'utf8');
  const [, timeline = '', fork = ''] = /timeline (\d+) from (\S+):/.exec(summary) ?? [];
  const dumped = await run(join(cluster.binaries.bin_dir, 'pg_waldump'), [
    '-p',
    folder,
    '-t',
    timeline,
    '-s',
    fork,
  ]).catch((error: unknown) => error as { readonly stdout: string });
  const commits = dumped.stdout.split('\n').filter((line) => line.includes('desc: COMMIT'));
  expect(commits.length).toBeGreaterThanOrEqual(3);
  expect(summary.split('\n').filter((line) => /^ {2}xid \d+ {2}committed \d{4}-/.test(line))).toHaveLength(
    commits.length,
  );
  expect(summary).toMatch(/committed .* \d+\/\d+\/\d+ \(1\)/);
  expect(existsSync(join(folder, 'pg_control'))).toBe(true);
}

describe('a former master that has not diverged', () => {
  test('crashed with nothing that is not on the new master: it is started, not rewound', async () => {
    await withCluster({ replicas: 1 }, async (cluster) => {
      const lab = await calmLab(cluster);
      await cluster.master.killTree();
      expect(await lab.check()).toMatchObject({ failed_over: true });
      const done = await runCommand(lab, ['--json', '--yes', 'rejoin', 'db1']);
      expect(parse(done.stdout)).toMatchObject({ exit_code: 0, diverged: false, kept: null });
      expect(await streams(cluster.server('db2'), 'db1')).toBe(true);
      // Again: there is nothing to do.
      const again = await runCommand(lab, ['--json', '--yes', 'rejoin', 'db1']);
      expect(parse(again.stdout)).toMatchObject({
        exit_code: 0,
        details: expect.stringContaining('already') as string,
      });
    });
  });

  test('shut down cleanly; then the new master dies, and roles go round again', async () => {
    await withCluster({ replicas: 1 }, async (cluster) => {
      const lab = await calmLab(cluster);
      await cluster.master.stop('fast');
      expect(await lab.check()).toMatchObject({ failed_over: true });
      expect(await lab.handyrep.rejoin('db1')).toMatchObject({ exit_code: 0, diverged: false });
      await lab.poll();
      await cluster.server('db2').killTree();
      expect(await lab.check()).toMatchObject({ failed_over: true, operation: { new_master: 'db1' } });
      expect(await lab.handyrep.rejoin('db2')).toMatchObject({ exit_code: 0 });
      expect(await streams(cluster.master, 'db2')).toBe(true);
    });
  });
});
void existsSync;
void readFileSync;
void rename;
void processTree;
void recovering;
