import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { appendFile, chmod, mkdir, readFile, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signal } from '../../src/demo/processes.js';
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

test('promoted by somebody, its control file does not say so yet: all segments of its timeline are kept', async () => {
  await withCluster({ replicas: 1 }, async (cluster) => {
    const lab = await calmLab(cluster);
    const db2 = cluster.server('db2');
    const [checkpointer] = await db2.sql(`SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'`);
    signal(Number(checkpointer?.['pid']), 'SIGSTOP');
    await db2.sql('SELECT pg_promote()');
    await db2.sql('CREATE TABLE lost (n int)');
    for (const n of [1, 2, 3]) {
      await db2.sql('SELECT pg_switch_wal()');
      await db2.sql('INSERT INTO lost VALUES ($1)', [n]);
    }
    await db2.killTree();
    const done = parse((await runCommand(lab, ['--json', '--yes', 'rejoin', 'db2'])).stdout);
    expect(done).toMatchObject({
      exit_code: 0,
      diverged: true,
      kept: { fork: expect.stringMatching(/ of timeline 1$/) as string },
    });
    const [start = ''] = done.kept?.fork?.split(' ') ?? [];
    // The table and three rows.
    expect(await commitsIn(cluster, done.kept?.folder ?? '', '2', start)).toBe(4);
  });
});

/** How many commits PostgreSQL's own tool finds in the segments that were kept. */
async function commitsIn(cluster: DemoCluster, folder: string, timeline: string, start: string): Promise<number> {
  const args = ['-p', folder, '-t', timeline, '-s', start];
  const dumped = await run(join(cluster.binaries.bin_dir, 'pg_waldump'), args).catch(
    (error: unknown) => error as { readonly stdout: string },
  );
  return dumped.stdout.split('\n').filter((line) => line.includes('desc: COMMIT')).length;
}

/** The three commits are in the kept WAL, by PostgreSQL's own tool, and in the summary. */
async function expectLost(cluster: DemoCluster, folder: string): Promise<void> {
  const summary = await readFile(join(folder, 'summary.txt'), 'utf8');
  const [, timeline = '', fork = ''] = /timeline (\d+) from (\S+):/.exec(summary) ?? [];
  const commits = await commitsIn(cluster, folder, timeline, fork);
  expect(commits).toBeGreaterThanOrEqual(3);
  expect(summary.split('\n').filter((line) => /^ {2}xid \d+ {2}committed \d{4}-/.test(line))).toHaveLength(commits);
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

/** The programs of a cluster in a folder of their own, some of them behind a script. */
async function wrapped(cluster: DemoCluster, scripts: Readonly<Record<string, string>>): Promise<string> {
  const { bin_dir } = cluster.binaries;
  const folder = join(cluster.folder, 'bin');
  await mkdir(folder);
  await chmod(folder, 0o755);
  for (const name of await readdir(bin_dir)) {
    const script = scripts[name];
    if (script === undefined) await symlink(join(bin_dir, name), join(folder, name));
    else
      await writeFile(join(folder, name), `#!/bin/sh\n${script}\nexec ${join(bin_dir, name)} "$@"\n`, { mode: 0o755 });
  }
  return folder;
}

/** A script that says in a file that it was called with this word, and hangs until that file is gone. */
function hangsAt(mark: string, word: string, not = '--never'): string {
  return `case " $* " in *${not}*) ;; *${word}*) touch ${mark}; while [ -e ${mark} ]; do sleep 0.05; done ;; esac`;
}

describe('a run that is killed in the middle of a rejoin', () => {
  test.each([
    { when: 'in crash recovery', program: 'postgres', word: '--single', not: '--never', broken: false },
    {
      when: 'before pg_rewind writes',
      program: 'pg_rewind',
      word: '--dry-run',
      not: '--never',
      broken: false,
    },
    { when: 'while pg_rewind writes', program: 'pg_rewind', word: '--progress', not: '--dry-run', broken: true },
  ])('$when: the next one knows whether the data directory is still good', async ({ program, word, not, broken }) => {
    await withCluster({ replicas: 1 }, async (cluster) => {
      const mark = join(cluster.folder, 'hangs');
      const bin_dir = await wrapped(cluster, { [program]: hangsAt(mark, word, not) });
      const lab = await calmLab(cluster, { servers: { db1: { bin_dir } } });
      await dieAhead(cluster);
      expect(await lab.check()).toMatchObject({ failed_over: true });

      const killed = startCommand(lab, ['--yes', 'rejoin', 'db1']);
      await waitFor(() => existsSync(mark), { deadline: 15_000, what: 'the rejoin to be in the middle' });
      const second = await runCommand(lab, ['--json', '--yes', 'rejoin', 'db1']);
      expect(parse(second.stdout)).toMatchObject({ exit_code: 3 });
      killed.kill('SIGKILL');
      await waitFor(() => existsSync(join(cluster.master.pgdata, 'standby.signal')), {
        deadline: 12_000,
        what: 'standby.signal to be there again',
      });
      // The hanging program is gone too: with its file taken away nothing goes on.
      await waitFor(async () => !(await someoneRuns(bin_dir)), { deadline: 12_000, what: 'its programs to be ended' });
      await rm(mark);
      // Meanwhile a check finds what was broken off.
      await lab.check();
      expect((await lab.saved()).rebuilds).toMatchObject([{ server: 'db1', kind: 'rejoin' }]);
      await writeFile(join(bin_dir, program), `#!/bin/sh\nexec ${join(cluster.binaries.bin_dir, program)} "$@"\n`);

      const next = parse((await runCommand(lab, ['--json', '--yes', 'rejoin', 'db1'])).stdout);
      if (!broken) {
        expect(next).toMatchObject({ exit_code: 0, diverged: true });
        expect(await streams(cluster.server('db2'), 'db1')).toBe(true);
        return;
      }
      expect(next).toMatchObject({
        exit_code: 4,
        hint: expect.stringContaining('handyrep clone db1 --reclone') as string,
      });
      expect(cluster.master.isRunning()).toBe(false);
    });
  });
});

async function someoneRuns(folder: string): Promise<boolean> {
  const { stdout } = await run('ps', ['-A', '-o', 'args=']);
  return stdout
    .split('\n')
    .some((line) => line.includes(join(folder, 'pg_rewind')) || line.includes(join(folder, 'postgres')));
}

function startCommand(lab: Lab, args: readonly string[]): ChildProcess {
  const argv = ['--import', 'tsx', join(import.meta.dirname, '../../bin/handyrep.ts'), '-c', lab.config, ...args];
  return spawn(process.execPath, argv, { stdio: 'ignore' });
}

describe('a rejoin that is refused', () => {
  test('without a terminal or --yes, of the master, of an unknown or a streaming server', async () => {
    await withCluster({ replicas: 1 }, async (cluster) => {
      const lab = await calmLab(cluster);
      const unasked = await runCommand(lab, ['--json', 'rejoin', 'db2']);
      expect(parse(unasked.stdout)).toMatchObject({ exit_code: 4, error: { code: 'needs_confirmation' } });
      expect(await lab.handyrep.rejoin('db1')).toMatchObject({ exit_code: 4 });
      expect(await lab.handyrep.rejoin('db9')).toMatchObject({ exit_code: 2 });
      expect(await lab.handyrep.rejoin('db2')).toMatchObject({ exit_code: 0, diverged: false });
      expect((await lab.saved()).rebuilds).toEqual([]);
      await cluster.master.killTree();
      const dead = await lab.handyrep.rejoin('db2');
      expect(dead).toMatchObject({
        exit_code: 4,
        details: expect.stringContaining('the master is not well') as string,
      });
      expect(await recovering(cluster.server('db2'))).toBe(true);
    });
  });

  test('a data directory that is missing, or of another cluster', async () => {
    await withCluster({ replicas: 1 }, async (cluster) => {
      await withCluster({ replicas: 0, fresh: true }, async (other) => {
        const lab = await calmLab(cluster);
        await cluster.master.killTree();
        expect(await lab.check()).toMatchObject({ failed_over: true });
        const { pgdata } = cluster.master;
        await rename(pgdata, `${pgdata}.away`);
        const missing = await lab.handyrep.rejoin('db1');
        expect(missing).toMatchObject({ exit_code: 4, hint: expect.stringContaining('handyrep clone db1') as string });
        await other.master.stop('fast');
        await rename(other.master.pgdata, pgdata);
        const foreign = await lab.handyrep.rejoin('db1');
        expect(foreign).toMatchObject({ exit_code: 4, details: expect.stringContaining('another cluster') as string });
        expect(existsSync(join(pgdata, 'standby.signal'))).toBe(false);
      });
    });
  });

  test('pg_rewind cannot work without wal_log_hints and checksums: the reason, and nothing is overwritten', async () => {
    await withCluster({ replicas: 1, settings: { wal_log_hints: 'off' } }, async (cluster) => {
      const [row] = await cluster.master.sql('SHOW data_checksums');
      if (row?.['data_checksums'] === 'on') return;
      const lab = await calmLab(cluster);
      await dieAhead(cluster);
      expect(await lab.check()).toMatchObject({ failed_over: true });
      const done = parse((await runCommand(lab, ['--json', '--yes', 'rejoin', 'db1'])).stdout);
      expect(done).toMatchObject({ exit_code: 1, diverged: true });
      expect(done.details).toMatch(/neither wal_log_hints nor data checksums.*handyrep clone db1 --reclone/);
      expect(done.kept?.transactions).toBeGreaterThanOrEqual(3);
      const saved = await lab.saved();
      expect(saved).toMatchObject({ rebuilds: [], former_masters: [{ server: 'db1' }] });
      expect(cluster.master.isRunning()).toBe(false);
      expect(
        await cluster.server('db2').sql(`SELECT FROM pg_replication_slots WHERE slot_name = 'handyrep_db1'`),
      ).toEqual([]);
      // What only it has is still there: started by hand, it comes up read only with its commits.
      await cluster.master.start();
      expect(await recovering(cluster.master)).toBe(true);
      expect(await cluster.master.sql('SELECT count(*) AS n FROM lost')).toEqual([{ n: '3' }]);
      await cluster.master.stop('fast');
      // Allowed, everything is copied anew; what only it had stays kept.
      const copied = parse((await runCommand(lab, ['--json', '--yes', 'rejoin', 'db1', '--reclone'])).stdout);
      expect(copied).toMatchObject({
        exit_code: 0,
        details: expect.stringContaining('db1 was made from db2') as string,
      });
      expect(await streams(cluster.server('db2'), 'db1')).toBe(true);
      expect((await lab.saved()).former_masters).toEqual([]);
    });
  });
});

test('passwords are in no argument list, no output and no log', async () => {
  const password = "it's a secret";
  await withCluster({ replicas: 1, password }, async (cluster) => {
    const seen = join(cluster.folder, 'seen');
    const bin_dir = await wrapped(cluster, { pg_rewind: `ps -A -o args= >> ${seen}` });
    const lab = await calmLab(cluster, {
      passwords: { handyrep_db_pass: password, replication_pass: password, superuser_pass: password },
      servers: { db1: { bin_dir } },
    });
    await dieAhead(cluster);
    expect(await lab.check()).toMatchObject({ failed_over: true });
    const done = await runCommand(lab, ['--json', '--yes', 'rejoin', 'db1']);
    expect(parse(done.stdout)).toMatchObject({ exit_code: 0, diverged: true });
    const written = [
      done.stdout,
      done.stderr,
      await readFile(seen, 'utf8'),
      await readFile(join(lab.dir, 'handyrep.log'), 'utf8'),
    ];
    expect(written[2]).toContain('pg_rewind');
    for (const text of [...written, await readFile(join(lab.dir, 'servers.save'), 'utf8')])
      expect(text).not.toContain('secret');
  });
});
