import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DoctorFinding } from '../../src/core/doctor.js';
import type { DoctorReport } from '../../src/index.js';
import { type HostCluster, createHostCluster } from '../hosts/cluster.js';
import { CONFIG } from '../hosts/disks.js';
import { type Host, PGDATA } from '../hosts/host.js';
import { laboratoryProblem } from '../hosts/laboratory.js';
import { waitFor } from '../pg/wait.js';

const problem = await laboratoryProblem();
const HANDYREP = { user: 'handyrep', timeout: 120_000 } as const;
const BIN = '/usr/lib/postgresql/15/bin';

describe.skipIf(problem !== null)(problem === null ? 'on hosts of their own' : `(skipped: ${problem})`, () => {
  let cluster: HostCluster;

  beforeAll(async () => {
    cluster = await createHostCluster({ settings: { wal_log_hints: 'on' } });
  }, 120_000);

  afterAll(() => cluster.destroy());

  async function doctor(prefix: readonly string[] = []): Promise<DoctorReport> {
    const done = await cluster.manager.run([...prefix, 'handyrep', '--json', '-c', CONFIG, 'doctor'], HANDYREP);
    const report = JSON.parse(done.stdout) as DoctorReport;
    expect(done.code).toBe(report.exit_code);
    return report;
  }

  /** The checks are as fresh as a cron job keeps them. */
  async function healthy(): Promise<void> {
    await cluster.manager.must(['handyrep', '-c', CONFIG, 'poll'], HANDYREP);
    expect((await doctor()).findings).toEqual([]);
  }

  async function psql(host: Host, sql: string): Promise<void> {
    const argv = ['psql', '-X', '-q', '-d', 'postgres', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1'];
    await host.must(argv, { user: 'postgres', input: sql });
  }

  function hostNamed(text: string): Host {
    const found = [...cluster.databases, cluster.manager].find(({ name }) => text.includes(name));
    if (found === undefined) throw new Error(`no host is named in "${text}"`);
    return found;
  }

  /** Does what a fix says, as it says it. Only what it spells in capitals is filled in. */
  async function follow({ fix }: DoctorFinding, words: Readonly<Record<string, string>> = {}): Promise<void> {
    if (fix === null) throw new Error('there is no fix to follow');
    const { where } = fix;
    const filled = (line: string): string =>
      Object.entries(words).reduce((text, [word, value]) => text.replaceAll(word, value), line);
    const lines = fix.lines.map(filled);
    if (where.startsWith('SQL')) {
      const then = lines.filter((line) => line.includes('from this host: '));
      await psql(hostNamed(where), lines.filter((line) => !then.includes(line)).join('\n'));
      for (const line of then) await onManager(line.replace(/^.*from this host: handyrep/, 'handyrep --yes'));
      return;
    }
    if (where.includes('pg_hba.conf')) {
      const host = hostNamed(where);
      const text = await host.must(['cat', `${PGDATA}/pg_hba.conf`]);
      host.write({ path: `${PGDATA}/pg_hba.conf`, text: `${lines.join('\n')}\n${text}`, mode: 0o644 });
      await psql(host, 'SELECT pg_reload_conf()');
      return;
    }
    if (where.startsWith('on this host')) {
      for (const line of lines) await onManager(line);
      return;
    }
    const user = / as (\w+)/.exec(where)?.[1] ?? 'root';
    await hostNamed(where).must(['sh', '-c', lines.join('\n')], { user });
  }

  /** In the shell of who runs HandyRep. The superuser logs in on the master's own host only. */
  async function onManager(line: string): Promise<void> {
    const [command = '', sql] = line.split(' | psql ');
    const said = await cluster.manager.must(['sh', '-c', `export HANDYREP_CONFIG=${CONFIG}; ${command}`], HANDYREP);
    if (sql !== undefined) await psql(hostNamed(sql), said);
  }

  async function heals(
    findings: readonly DoctorFinding[],
    words: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    for (const one of findings) await follow(one, words);
    await healthy();
  }

  /** What is found, as name and server. */
  function named({ findings }: DoctorReport): string[] {
    return findings.map(({ severity, name, server }) => `${severity} ${name} ${server ?? ''}`.trim());
  }

  test('a healthy cluster gives no finding, and exit code 0', async () => {
    const report = await doctor();
    expect(report).toMatchObject({ result: 'SUCCESS', exit_code: 0, findings: [], looked_at: ['db1', 'db2', 'db3'] });
  });

  test.each([
    ['EXECUTE on pg_promote', 'REVOKE EXECUTE ON FUNCTION pg_promote(boolean, integer) FROM handyrep', 'fails'],
    ['EXECUTE on pg_read_binary_file', 'REVOKE EXECUTE ON FUNCTION pg_read_binary_file(text) FROM handyrep', 'warning'],
    ['pg_checkpoint', 'REVOKE pg_checkpoint FROM handyrep', 'fails'],
    ['ALTER SYSTEM', 'REVOKE ALTER SYSTEM ON PARAMETER primary_conninfo FROM handyrep', 'fails'],
  ])('a grant is gone: %s', async (_what, sql, severity) => {
    await psql(cluster.host('db1'), sql);
    const report = await doctor();
    expect(named(report)).toEqual([`${severity} privileges db1`]);
    expect(report.exit_code).toBe(severity === 'fails' ? 1 : 0);
    await heals(report.findings);
  });

  test('pg_monitor is gone: much is hidden, and its grant heals it', async () => {
    await psql(cluster.host('db1'), 'REVOKE pg_monitor FROM handyrep');
    const report = await doctor();
    const grant = report.findings.filter(({ name }) => name === 'privileges');
    expect(grant.map(({ fix }) => fix?.lines)).toEqual([['GRANT pg_monitor TO "handyrep";']]);
    await heals(grant);
  });

  test('the cluster table is gone', async () => {
    await psql(cluster.host('db1'), 'DROP TABLE handyrep.handyrep');
    const report = await doctor();
    expect(named(report)).toEqual(['warning cluster_table db1']);
    await heals(report.findings);
  });

  test('sudo does not let us in', async () => {
    await cluster.host('db2').must(['rm', '/etc/sudoers.d/handyrep']);
    const report = await doctor();
    expect(report).toMatchObject({ exit_code: 1, result: 'FAIL' });
    expect(named(report)).toContain('fails sudo db2');
    await heals(report.findings.filter(({ name }) => name === 'sudo'));
  });

  test('pg_hba.conf of a replica lets no other server in', async () => {
    const host = cluster.host('db3');
    const hba = await host.must(['cat', `${PGDATA}/pg_hba.conf`]);
    const lines = hba.split('\n').filter((line) => !line.includes('replicator') && !line.includes('handyrep'));
    const only = [...lines, 'host postgres handyrep 10.0.0.5/32 scram-sha-256', ''];
    host.write({ path: `${PGDATA}/pg_hba.conf`, text: only.join('\n'), mode: 0o644 });
    await psql(host, 'SELECT pg_reload_conf()');
    const report = await doctor();
    expect(named(report)).toEqual([
      'fails replication_login db3',
      'fails replication_login db3',
      'warning replication_query db3',
      'warning rewind_login db3',
      'warning rewind_login db3',
    ]);
    await heals(report.findings);
  });

  test('the password file of a server may be read by others', async () => {
    await cluster.host('db2').must(['chmod', '644', '/var/lib/postgresql/.pgpass']);
    const report = await doctor();
    expect(new Set(named(report))).toEqual(
      new Set([
        'fails replication_login db1',
        'fails replication_login db3',
        'warning rewind_login db1',
        'warning rewind_login db3',
      ]),
    );
    await heals(report.findings, { PASSWORD: cluster.password });
  });

  test('the data directory may not be written', async () => {
    await cluster.host('db2').must(['chmod', '500', PGDATA]);
    const report = await doctor();
    expect(named(report)).toEqual(['fails data_directory db2']);
    await heals(report.findings);
  });

  test('postgresql.auto.conf belongs to somebody else', async () => {
    await cluster.host('db2').must(['chown', 'root', `${PGDATA}/postgresql.auto.conf`]);
    const report = await doctor();
    expect(named(report)).toEqual(['fails data_directory db2']);
    await heals(report.findings);
  });

  test('standby.signal lies in the data directory of the master', async () => {
    await cluster.host('db1').must(['touch', `${PGDATA}/standby.signal`]);
    const report = await doctor();
    expect(named(report)).toEqual(['fails standby_signal db1']);
    await heals(report.findings);
  });

  test('wal_log_hints is off, and there are no checksums', async () => {
    await psql(cluster.host('db3'), 'ALTER SYSTEM SET wal_log_hints = off');
    await cluster.manager.must(['handyrep', '-c', CONFIG, 'restart', 'db3'], HANDYREP);
    const report = await doctor();
    expect(named(report)).toEqual(['warning setting db3']);
    expect(report.exit_code).toBe(0);
    await heals(report.findings);
  }, 120_000);

  test('pg_rewind is not where the other programs are', async () => {
    const host = cluster.host('db2');
    await host.must(['sh', '-c', `cp -a ${BIN} /opt/pg && rm ${BIN}/pg_rewind`]);
    const report = await doctor();
    expect(named(report)).toEqual(['warning plugin db2', 'warning programs db2']);
    await heals(
      report.findings.filter(({ name }) => name === 'programs'),
      { DIRECTORY_OF_PG_REWIND: '/opt/pg' },
    );
  });

  test('replay is paused on a replica', async () => {
    await psql(cluster.host('db2'), 'SELECT pg_wal_replay_pause()');
    const report = await doctor();
    expect(named(report)).toEqual(['warning preflight db2']);
    await heals(report.findings);
  });

  test('the folder of the saved state may not be written', async () => {
    await cluster.manager.must(['chown', '-R', 'root', '/var/lib/handyrep']);
    await cluster.manager.must(['chmod', 'a+rX,go-w', '-R', '/var/lib/handyrep']);
    const report = await doctor();
    expect(named(report)).toEqual(['fails state_file']);
    const [{ fix } = { fix: null }] = report.findings;
    await cluster.manager.must(['sh', '-c', fix?.lines.join('\n') ?? 'false']);
    await healthy();
  });

  test('nobody checks, and the clocks differ', async () => {
    const report = await doctor(['env', 'FAKETIME_DONT_FAKE_MONOTONIC=1', 'faketime', '-f', '+2h']);
    expect(named(report)).toEqual(['fails checks', 'warning clock db1', 'warning clock db2', 'warning clock db3']);
    const [checks] = report.findings;
    expect(checks?.fix?.lines).toEqual([
      expect.stringMatching(/^\* \* \* \* \* .*\/usr\/local\/bin\/handyrep -c .* failover-check/),
    ]);
    await cluster.manager.must(['crontab', '-'], { user: 'handyrep', input: `${checks?.fix?.lines[0] ?? ''}\n` });
    const again = await doctor(['env', 'FAKETIME_DONT_FAKE_MONOTONIC=1', 'faketime', '-f', '+2h']);
    expect(again.findings[0]?.text).toContain('cron may not run');
    await cluster.manager.must(['crontab', '-r'], { user: 'handyrep' });
    await healthy();
  });

  test('cron --install writes a crontab that cron takes, and --remove leaves what was there', async () => {
    const own = '# mine\n15 4 * * * true\n';
    await cluster.manager.must(['crontab', '-'], { user: 'handyrep', input: own });
    const cron = async (...flags: readonly string[]): Promise<string> =>
      cluster.manager.must(['handyrep', '-c', CONFIG, 'cron', ...flags], HANDYREP);
    const crontab = (): Promise<string> => cluster.manager.must(['crontab', '-l'], { user: 'handyrep' });
    const lines = await cron();
    expect(await cron('--install')).toContain('SUCCESS');
    const installed = await crontab();
    expect(installed.startsWith(own)).toBe(true);
    expect(installed).toContain(lines.trim());
    expect(await cron('--install')).toContain('nothing had to be changed');
    expect(await crontab()).toBe(installed);
    // As cron runs them: a short environment, and the shell.
    const [check = ''] = lines.split('\n');
    const command = check.replace(/^(\S+ ){5}/, '').replace('--for 55s', '--for 1s');
    await cluster.manager.must(
      ['env', '-i', 'HOME=/home/handyrep', 'PATH=/usr/bin:/bin', 'sh', '-c', command],
      HANDYREP,
    );
    await cron('--remove');
    expect(await crontab()).toBe(own);
    await cluster.manager.must(['crontab', '-r'], { user: 'handyrep' });
    await cron('--install');
    await cron('--remove');
    expect((await cluster.manager.run(['crontab', '-l'], { user: 'handyrep' })).stdout).toBe('');
  });

  test('a host that is off is told, and nothing hangs', async () => {
    await cluster.host('db3').powerOff();
    const began = performance.now();
    const report = await doctor();
    expect(performance.now() - began).toBeLessThan(60_000);
    expect(named(report)).toEqual(expect.arrayContaining(['fails ssh db3', 'fails sql_login db3']));
    await cluster.host('db3').powerOn();
    await waitFor(async () => (await doctor()).findings.length === 0 || null, {
      deadline: 60_000,
      what: 'the doctor to find nothing',
    }).catch(async () => expect((await doctor()).findings).toEqual([]));
  }, 180_000);
});
