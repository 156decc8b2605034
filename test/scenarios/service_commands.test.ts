import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lock } from 'proper-lockfile';
import { operation } from '../core/build.js';
import { type TestSshd, startSshd } from '../hosts/sshd.js';
import { type DemoCluster, startCluster } from '../pg/harness.js';
import { type Lab, calmLab, recovering, runCommand } from './lab.js';
import { changeSaved, rebuildOf } from './saved.js';

let cluster: DemoCluster;
let lab: Lab;

beforeAll(async () => {
  cluster = await startCluster({ replicas: 2, settings: { wal_retrieve_retry_interval: '100ms' } });
  lab = await calmLab(cluster, { failover: { recovery_retries: 10 } });
}, 90_000);

interface Told {
  readonly code: number | string | null;
  readonly report: Readonly<Record<string, unknown>>;
}

async function json(...args: readonly string[]): Promise<Told> {
  const done = await runCommand(lab, ['--json', ...args]);
  return { code: done.code, report: JSON.parse(done.stdout) as Told['report'] };
}

const signalFile = (name: string): string => join(cluster.server(name).pgdata, 'standby.signal');

describe('a replica', () => {
  test('is stopped: no process is left, and status says so', async () => {
    const pid = cluster.server('db2').pid();
    const { code, report } = await json('stop', 'db2');
    expect(code).toBe(0);
    expect(report).toMatchObject({ result: 'SUCCESS', action: 'stop', changed: true, pid_before: pid, pid: null });
    expect(report['server']).toMatchObject({ name: 'db2', status: 'down' });
    expect(cluster.server('db2').isRunning()).toBe(false);
    expect((await lab.saved()).servers['db2']?.status.status).toBe('down');
  });

  test('is stopped already: success that says so', async () => {
    const done = await runCommand(lab, ['stop', 'db2', '--mode', 'immediate']);
    expect(done).toMatchObject({ code: 0, stderr: '' });
    expect(done.stdout).toBe('SUCCESS: db2 is stopped already: no postmaster of its data directory runs\n');
  });

  test('is not started without standby.signal: it would be a second master', async () => {
    await rm(signalFile('db2'));
    const { code, report } = await json('start', 'db2');
    expect(code).toBe(4);
    expect(report).toMatchObject({ error: { code: 'unsafe', server: 'db2' } });
    expect(report['details']).toContain('would come up as a master beside db1');
    expect(report['hint']).toContain('handyrep rejoin db2');
    const again = await json('restart', 'db2');
    expect(again.code).toBe(4);
    expect(cluster.server('db2').isRunning()).toBe(false);
    await writeFile(signalFile('db2'), '');
  });

  test('is started: it answers in recovery; again: it runs already', async () => {
    const started = await runCommand(lab, ['start', 'db2']);
    expect(started).toMatchObject({
      code: 0,
      stdout: 'SUCCESS: db2 was started: db2 answers, in recovery, and streams\n',
    });
    expect(await recovering(cluster.server('db2'))).toBe(true);
    expect(await lab.handyrep.start('db2')).toMatchObject({ exit_code: 0, changed: false, action: 'start' });
  });

  test('is restarted: another process, in recovery', async () => {
    const pid = cluster.server('db2').pid();
    const report = await lab.handyrep.restart('db2', { mode: 'immediate' });
    expect(report).toMatchObject({ exit_code: 0, changed: true, pid_before: pid, server: { status: 'healthy' } });
    expect(cluster.server('db2').pid()).not.toBe(pid);
  });

  test('that cannot start gives up, with the reason of its restart method', async () => {
    const { pgdata } = cluster.server('db3');
    const conf = join(pgdata, 'postgresql.conf');
    const text = await readFile(conf, 'utf8');
    await lab.handyrep.stop('db3');
    await writeFile(conf, `${text}\nno_such_setting = on\n`);
    const { code, report } = await json('start', 'db3');
    expect(code).toBe(1);
    expect(report).toMatchObject({ error: { code: 'step_failed', server: 'db3' } });
    expect(report['details']).toContain('pg_ctl start ended with 1');
    await writeFile(conf, text);
    expect((await lab.handyrep.start('db3')).exit_code).toBe(0);
  });

  test('whose data directory is being made anew is neither started nor stopped', async () => {
    await changeSaved(lab, (state) => ({ ...state, rebuilds: [rebuildOf('db3', { broken: null })] }));
    for (const action of ['start', 'stop', 'restart'] as const) {
      // Started it is already, which changes nothing.
      const expected = action === 'start' ? 0 : 4;
      expect((await lab.handyrep[action]('db3')).exit_code).toBe(expected);
    }
    await changeSaved(lab, (state) => ({
      ...state,
      rebuilds: [rebuildOf('db3', { touched: true, broken: 'killed' })],
    }));
    expect(await lab.handyrep.stop('db3')).toMatchObject({ exit_code: 0 });
    expect(await lab.handyrep.start('db3')).toMatchObject({
      exit_code: 4,
      hint: expect.stringContaining('rejoin db3') as string,
    });
    await changeSaved(lab, (state) => ({ ...state, rebuilds: [] }));
    expect((await lab.handyrep.start('db3')).exit_code).toBe(0);
  });
});

describe('the master', () => {
  test('is stopped only after a yes, which is told what follows', async () => {
    const refused = await runCommand(lab, ['stop', 'db1']);
    expect(refused.code).toBe(4);
    expect(refused.stdout).toContain(
      'the next failover-check fails over to a replica, unless `handyrep pause` comes first',
    );
    expect(refused.stdout).toContain('--yes');
    expect(cluster.master.isRunning()).toBe(true);
    expect(await json('restart', 'db1')).toMatchObject({ code: 4, report: { error: { code: 'needs_confirmation' } } });
  });

  test('is restarted with --yes: another process, and it takes writes', async () => {
    const pid = cluster.master.pid();
    const { code, report } = await json('--yes', 'restart', 'db1');
    expect(code).toBe(0);
    expect(report).toMatchObject({ pid_before: pid, changed: true, server: { status: 'healthy' } });
    expect(report['details']).toContain('db1 takes writes');
    expect(report['pid']).not.toBe(pid);
  });

  test('paused: is stopped, and nobody is promoted; with standby.signal it is not started; without it is', async () => {
    await lab.handyrep.pause();
    const stopped = await runCommand(lab, ['stop', 'db1', '--yes']);
    expect(stopped.code).toBe(0);
    expect(stopped.stdout).toContain('no failover follows while automatic action is paused');
    expect(await lab.check()).toMatchObject({ exit_code: 1, failed_over: false });
    await writeFile(signalFile('db1'), '');
    const refused = await json('start', 'db1');
    expect(refused.code).toBe(4);
    expect(refused.report['details']).toContain('it would come up read only');
    await rm(signalFile('db1'));
    expect(await json('start', 'db1')).toMatchObject({ code: 0, report: { server: { status: 'healthy' } } });
    await lab.handyrep.resume();
    expect((await lab.check()).exit_code).toBe(0);
  });
});

describe('what cannot be meant', () => {
  test.each([
    [['start', 'db4'], 2, 'there is no server db4', 'did you mean db1?'],
    [['start', '../x'], 2, 'there is no server "../x"', 'the servers are db1, db2, db3'],
    [['start', ''], 2, 'there is no server ""', 'the servers are'],
    [['start', 'dé\u202e'], 2, 'there is no server "dé\\u{202e}"', 'the servers are'],
    [['start'], 2, "missing required argument 'server'", 'see handyrep --help'],
    [['start', 'db2', 'db3'], 2, 'too many arguments', 'see handyrep --help'],
    [['start', '-rf'], 2, "unknown option '-rf'", 'see handyrep --help'],
    [['stop', 'db2', '--mode', 'fsat'], 2, 'did you mean fast', 'see handyrep --help'],
    [['stop', 'db2', '--mdoe', 'fast'], 2, "unknown option '--mdoe'", 'see handyrep --help'],
    [['stpo', 'db2'], 2, "unknown command 'stpo'", 'see handyrep --help'],
  ] as const)('%j ends with %d', async (args, expected, details, hint) => {
    const { code, report } = await json(...args);
    expect({ code, result: report['result'] }).toEqual({ code: expected, result: 'FAIL' });
    expect(report['details']).toContain(details);
    expect(report['hint']).toContain(hint);
  });

  test('a second run is told who holds the lock', async () => {
    const release = await lock(join(lab.dir, 'servers.save'), {
      realpath: false,
      lockfilePath: join(lab.dir, 'servers.save.lock'),
    });
    const { code, report } = await json('stop', 'db2');
    await release();
    expect(code).toBe(3);
    expect(report).toMatchObject({ error: { code: 'lock_busy' } });
  });

  test('while an operation is unfinished nothing is started or stopped', async () => {
    await changeSaved(lab, (state) => ({ ...state, operation: operation({ old_master: 'db1' }) }));
    const { code, report } = await json('stop', 'db2');
    await changeSaved(lab, (state) => ({ ...state, operation: null }));
    expect(code).toBe(4);
    expect(report['hint']).toContain('handyrep resolve');
  });

  test('a host that cannot be asked: nothing is done, and why', async () => {
    const dead = await lab.reconfigure({
      handyrep: { override_server_file: true, ssh_timeout: '1s' },
      servers: { db2: { connection: 'ssh', ssh_port: 1 } },
    });
    const { code, report } = await json('stop', 'db2');
    expect(dead.dir).toBe(lab.dir);
    expect({ code, error: report['error'] }).toEqual({ code: 1, error: { code: 'ssh_connect', server: 'db2' } });
    await lab.reconfigure({});
  });
});

describe('over ssh', () => {
  let sshd: TestSshd;
  beforeAll(async () => {
    sshd = await startSshd();
  }, 30_000);
  afterAll(() => sshd.stop());

  test('a replica is stopped, started and restarted', async () => {
    const become = process.getuid?.() === 0 ? 'sudo' : 'none';
    const remote = await lab.reconfigure({
      handyrep: { override_server_file: true },
      server_defaults: { connection: 'ssh', ssh_port: sshd.port, ssh_user: sshd.user, become },
      env: { HANDYREP_SSH_CONFIG: sshd.configFile },
    });
    const env = { HANDYREP_SSH_CONFIG: sshd.configFile };
    const stopped = await runCommand(remote, ['stop', 'db2'], env);
    expect(stopped).toMatchObject({ code: 0, stdout: expect.stringContaining('db2 was stopped (fast)') as string });
    expect(cluster.server('db2').isRunning()).toBe(false);
    expect(await remote.handyrep.start('db2')).toMatchObject({ exit_code: 0, changed: true });
    const pid = cluster.server('db2').pid();
    expect(await remote.handyrep.restart('db2')).toMatchObject({ exit_code: 0, pid_before: pid });
    expect(cluster.server('db2').pid()).not.toBe(pid);
  });

  test('a master is not started beside a server that was promoted by hand', async () => {
    const env = { HANDYREP_SSH_CONFIG: sshd.configFile };
    expect(await runCommand(lab, ['stop', 'db1', '--yes'], env)).toMatchObject({ code: 0 });
    await cluster.server('db3').sql('SELECT pg_promote()');
    const refused = await runCommand(lab, ['start', 'db1'], env);
    expect(refused.code).toBe(4);
    expect(refused.stdout).toContain('db3 accepts writes');
    expect(cluster.master.isRunning()).toBe(false);
  });
});
