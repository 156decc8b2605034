import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { archiveCommands, scriptPaths } from '../../src/core/archive-scripts.js';
import type { ArchiveReport } from '../../src/service/archive-commands.js';
import { type DemoCluster, startCluster, waitFor } from '../pg/harness.js';
import { type Lab, calmLab, runCommand } from './lab.js';

let cluster: DemoCluster;
let lab: Lab;
let directory: string;

const paths = (server: string) => scriptPaths(join(cluster.folder, 'scripts {{ server }}'), server);

beforeAll(async () => {
  cluster = await startCluster({ replicas: 1, settings: { archive_mode: 'on', archive_timeout: '0' } });
  directory = join(cluster.folder, 'wal archive');
  mkdirSync(directory);
  if (cluster.os_user !== null) execFileSync('chown', [cluster.os_user, directory]);
  lab = await calmLab(cluster, {
    archive: {
      archiving: true,
      archive_script_method: 'archive_local_dir',
      archive_delete_method: 'archive_delete_find',
      script_dir: join(cluster.folder, 'scripts {{ server }}'),
      delay_limit: '1s',
    },
    plugins: { archive_local_dir: { directory }, archive_delete_find: { keep_days: 1 } },
  });
}, 60_000);

async function handyrep(
  ...argv: string[]
): Promise<{ readonly code: unknown; readonly report: ArchiveReport; readonly stdout: string }> {
  const done = await runCommand(lab, ['--json', ...argv]);
  return { code: done.code, report: JSON.parse(done.stdout) as ArchiveReport, stdout: done.stdout };
}

async function configure(server: string): Promise<void> {
  const { sql } = cluster.server(server);
  const commands = archiveCommands(paths(server));
  for (const [name, value] of Object.entries({
    archive_command: commands.archive,
    restore_command: commands.restore,
  })) {
    await sql(`ALTER SYSTEM SET ${name} = '${value.replaceAll("'", "''")}'`);
  }
  await sql('SELECT pg_reload_conf()');
}

/** Fills a segment, and its name. */
async function fill(server = 'db1'): Promise<string> {
  const { sql } = cluster.server(server);
  await sql("SELECT pg_logical_emit_message(true, 'test', repeat('x', 1000))");
  const [row] = await sql('SELECT pg_walfile_name(pg_switch_wal()) AS name');
  return row?.['name'] ?? '';
}

const archived = (name: string): Promise<unknown> =>
  waitFor(() => readdirSync(directory).includes(name), { deadline: 20_000, what: `${name} in the archive` });

describe('a first time', () => {
  test('a verify says what is missing, and how it comes', async () => {
    const report = await lab.verify();
    expect(report.servers[0]?.status_message).toContain(
      `${paths('db1').archive} is not there, ${paths('db1').restore} is not there: run \`handyrep archive start\``,
    );
    expect((await lab.saved()).archive).toEqual({ master: null, owed: [], gap: false, tried: null });
    expect(await handyrep('archive', 'status')).toMatchObject({ code: 1 });
  });

  test('archive start installs the scripts, tries them, and says what postgresql.conf must say', async () => {
    const { code, report } = await handyrep('archive', 'start');
    expect(report.details).toBe('archiving goes on: the scripts are installed on db1, db2');
    expect(code).toBe(0);
    expect(report).toMatchObject({ master: 'db1', method: 'archive_local_dir' });
    const commands = archiveCommands(paths('db1'));
    expect(report.servers.map(({ server, places, stopped, issues }) => [server, places, stopped, issues])).toEqual([
      ['db1', null, null, []],
      ['db2', null, null, []],
    ]);
    expect(report.servers[0]?.settings.map(({ line, restart }) => [line, restart])).toEqual([
      [`archive_command = '${commands.archive.replaceAll("'", "''")}'`, false],
      [`restore_command = '${commands.restore.replaceAll("'", "''")}'`, false],
    ]);
    for (const file of [paths('db1').archive, paths('db2').restore]) {
      expect(statSync(file).mode & 0o7777).toBe(0o750);
      if (cluster.os_user !== null)
        expect(execFileSync('stat', ['-c', '%U', file], { encoding: 'utf8' }).trim()).toBe(cluster.os_user);
    }
    const shown = await runCommand(lab, ['archive', 'start']);
    expect(shown.stdout).toContain('    postgresql.conf must say:\n    archive_command = ');
    expect((await lab.saved()).archive).toEqual({ master: 'db1', owed: [], gap: false, tried: null });
  });

  test('the doctor prints the lines', async () => {
    const { stdout } = await runCommand(lab, ['doctor']);
    expect(stdout).toContain('archive_command is empty');
    expect(stdout).toContain(`in postgresql.conf of db2 (127.0.0.1)`);
  });

  test('with those lines PostgreSQL archives, and all is well', async () => {
    await configure('db1');
    await configure('db2');
    await archived(await fill());
    await waitFor(async () => (await handyrep('archive', 'status')).code === 0, {
      deadline: 10_000,
      what: 'a good status',
    });
    const { report } = await handyrep('archive', 'status');
    expect(report.details).toBe('all servers archive and restore as they should');
    const { stdout } = await runCommand(lab, ['doctor']);
    expect(stdout).not.toMatch(/archive_command|restore_command|archive_mode/);
    expect((await lab.verify()).cluster.status).toBe('healthy');
  });
});

describe('stopped', () => {
  test('archive stop: WAL is kept, everybody is told, and archive start goes on', async () => {
    const stopped = await handyrep('archive', 'stop');
    expect(stopped).toMatchObject({ code: 0, report: { servers: [{ stopped: expect.any(String) as string }, {}] } });
    expect(stopped.report.details).toContain('archiving is stopped on db1, db2: PostgreSQL keeps its WAL until');
    const name = await fill();
    await waitFor(async () => (await cluster.master.log()).includes(`${name} is kept: archiving was stopped by`), {
      deadline: 20_000,
      what: 'the archiver to be refused',
    });
    expect(readdirSync(directory)).not.toContain(name);
    const report = await lab.verify();
    expect(report.servers[0]?.status_message).toMatch(/archiving is stopped since \S+Z, and WAL is kept/);
    expect(report.cluster.status).toBe('warning');
    expect(await handyrep('archive', 'status')).toMatchObject({ code: 1 });
    expect(await handyrep('archive', 'stop')).toMatchObject({ code: 0 });
    expect(await handyrep('archive', 'start')).toMatchObject({ code: 0 });
    // The archiver tries three times, then once a minute; a new segment wakes it.
    await waitFor(
      async () => {
        await fill();
        return readdirSync(directory).includes(name);
      },
      { deadline: 90_000, what: 'the segment to be archived', every: 2000 },
    );
  }, 120_000);
});

describe('scripts that are gone or changed', () => {
  test('a verify finds it, and the next check installs them', async () => {
    rmSync(paths('db2').restore);
    writeFileSync(paths('db1').archive, '#!/bin/sh\nexit 0\n');
    chmodSync(paths('db1').archive, 0o777);
    const report = await lab.verify();
    expect(report.servers[0]?.status_message).toContain(
      'cannot be run, or has another mode than 750: the next check installs them',
    );
    expect(report.servers[1]?.status_message).toContain(`${paths('db2').restore} is not there`);
    expect((await lab.saved()).archive).toEqual({ master: 'db1', owed: ['db1', 'db2'], gap: false, tried: null });
    const check = await lab.check();
    expect(check.exit_code).toBe(0);
    expect((await lab.saved()).archive).toEqual({ master: 'db1', owed: [], gap: false, tried: null });
    expect(readFileSync(paths('db1').archive, 'utf8')).toContain('Written by HandyRep (cluster lab, server db1)');
    expect(statSync(paths('db1').archive).mode & 0o7777).toBe(0o750);
    expect((await lab.verify()).cluster.status).toBe('healthy');
  });

  test('while automatic action is off, it is told only', async () => {
    rmSync(paths('db2').restore);
    await lab.handyrep.pause();
    await lab.verify();
    await lab.check();
    expect(existsSync(paths('db2').restore)).toBe(false);
    await lab.handyrep.resume();
    await lab.check({ verify: true });
    expect(existsSync(paths('db2').restore)).toBe(true);
  });
});

describe('cleanup', () => {
  const age = (days: number, name: string, content = 'x'): void => {
    const file = join(directory, name);
    writeFileSync(file, content);
    const then = Date.now() / 1000 - days * 86_400;
    utimesSync(file, then, then);
  };

  test('without a label of a base backup nothing is deleted', async () => {
    const { code, report } = await handyrep('archive', 'cleanup');
    expect(code).toBe(1);
    expect(report.details).toContain('has fewer than 1 label(s) of base backups, so nothing is deleted');
  });

  test('what is old and needed by nobody goes; the rest stays', async () => {
    await cluster.master.sql('CHECKPOINT');
    await waitFor(
      async () => {
        await archived(await fill());
        await cluster.master.sql('CHECKPOINT');
        await cluster.server('db2').sql('CHECKPOINT');
        const [row] = await cluster
          .server('db2')
          .sql("SELECT redo_lsn >= '0/5000000' AS far FROM pg_control_checkpoint()");
        return row?.['far'] === 't';
      },
      { deadline: 60_000, what: 'a restart point beyond the fifth segment' },
    );
    const own = (n: number): string => `00000001000000000000000${n.toString()}`;
    for (const name of readdirSync(directory)) rmSync(join(directory, name));
    for (const n of [1, 2, 3, 4]) age(3, own(n));
    age(3, '000000010000000000000002.partial');
    age(3, '000000010000000000000001.00000028.backup');
    age(3, '000000010000000000000003.00000028.backup');
    age(3, '00000002.history');
    age(3, 'notes.txt');
    age(3, '0000000100000000000000FF');
    age(3, '.000000010000000000000002.a1B2c3');
    age(0, '000000010000000000000000');
    const before = readdirSync(directory).sort();
    const dry = await handyrep('archive', 'cleanup', '--dry-run');
    expect(dry.report.details).toBe(
      'here: 4 file(s) older than 1 day(s) would be deleted, none from 0000000000000003 on',
    );
    expect(readdirSync(directory).sort()).toEqual(before);
    const { code, report } = await handyrep('archive', 'cleanup');
    expect(report.details).toBe('here: 4 file(s) older than 1 day(s) were deleted, none from 0000000000000003 on');
    expect(code).toBe(0);
    expect(readdirSync(directory).sort()).toEqual([
      '000000010000000000000000',
      own(3),
      '000000010000000000000003.00000028.backup',
      own(4),
      '0000000100000000000000FF',
      '00000002.history',
      'notes.txt',
    ]);
  }, 90_000);

  test('what a server needs stays, whatever the backups', async () => {
    for (const name of readdirSync(directory)) rmSync(join(directory, name));
    age(3, '0000000100000000000000F0.00000028.backup');
    age(3, '0000000100000000000000EF');
    const { report } = await handyrep('archive', 'cleanup');
    expect(report.details).toMatch(
      /^here: 0 file\(s\) older than 1 day\(s\) were deleted, none from 00000000000000\w\w on$/,
    );
    expect(report).toMatchObject({
      needed_by: expect.stringMatching(/^(db\d would begin|a replication slot on db1)/) as string,
    });
    expect(readdirSync(directory)).toHaveLength(2);
  });

  test('while a server that may come back cannot be asked, nothing is deleted', async () => {
    await cluster.server('db2').stop();
    const { code, report } = await handyrep('archive', 'cleanup');
    expect(code).toBe(4);
    expect(report.details).toContain('nothing is deleted: what db2 still needs cannot be told');
    expect(report.hint).toContain('handyrep server disable db2');
    await cluster.server('db2').start();
  });

  test('typos', async () => {
    const done = await runCommand(lab, ['archive', 'strat']);
    expect([done.code, done.stderr]).toEqual([2, expect.stringContaining('did you mean start?') as string]);
    expect((await runCommand(lab, ['archive', 'stop', '--dry-run'])).code).toBe(2);
  });
});

test.runIf(process.getuid?.() === 0)(
  'a failover to a server whose scripts cannot be written: it is done all the same, and finished forward',
  async () => {
    await lab.handyrep.startArchiving();
    const { folder } = paths('db2');
    execFileSync('chown', ['root', folder]);
    await lab.poll();
    await cluster.master.killTree();
    const report = await lab.check();
    expect(report).toMatchObject({ exit_code: 0, failed_over: true, operation: { new_master: 'db2' } });
    const { archive, cluster: status } = await lab.saved();
    expect(archive).toEqual({ master: 'db2', owed: ['db2'], gap: true, tried: expect.any(String) as string });
    expect(status.status).toBe('warning');
    expect(status.status_message).toContain(
      'the archive scripts of db2 are still to be installed; WAL that the former master completed may not be in the archive yet',
    );
    // Not in each check: a host that hangs would make each of them slow.
    await lab.check();
    expect((await lab.saved()).archive.tried).toBe(archive.tried);
    const log = await runCommand(lab, ['log-tail', '-n', '50', '--category', 'ARCHIVE']);
    expect(log.stdout).toMatch(/the archive scripts of db2 are still to be installed: .*restore.sh was not written/);

    execFileSync('chown', [cluster.os_user ?? 'root', folder]);
    await lab.handyrep.startArchiving();
    expect((await lab.saved()).archive).toEqual({ master: 'db2', owed: [], gap: true, tried: null });
    await lab.check();
    expect((await lab.saved()).archive).toEqual({ master: 'db2', owed: [], gap: false, tried: null });
    await archived(await fill('db2'));
  },
  60_000,
);

test('a configuration without an archive forgets all of it', async () => {
  const without = await lab.reconfigure({ archive: { archiving: false } });
  await without.check();
  expect((await without.saved()).archive).toEqual({ master: null, owed: [], gap: false, tried: null });
  expect(await without.handyrep.startArchiving()).toMatchObject({ exit_code: 2, hint: expect.any(String) as string });
});
