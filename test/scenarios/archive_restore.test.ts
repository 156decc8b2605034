import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { archiveCommands, scriptPaths } from '../../src/core/archive-scripts.js';
import { giveTo, runAs, serverUser } from '../../src/demo/os-user.js';
import { giveBackPorts, takePorts } from '../../src/demo/ports.js';
import { type DemoServer, demoServer } from '../../src/demo/server.js';
import { settingLines } from '../../src/demo/settings.js';
import { type DemoCluster, startCluster, waitFor } from '../pg/harness.js';
import { type Lab, calmLab, runCommand } from './lab.js';
import { hasBasebackup } from './spare.js';

const user = await serverUser();

/** A base backup and its archive, before, at and after a failover: every moment can be gone back to. */
describe.skipIf(!(await hasBasebackup()))('back to a moment, across a failover', () => {
  let cluster: DemoCluster;
  let lab: Lab;
  let directory: string;
  let base: string;
  let master: DemoServer;
  const restored: DemoServer[] = [];
  const ports: number[] = [];
  const moments: Record<string, string> = {};

  const script_dir = (): string => join(cluster.folder, 'scripts of {{ server }}');
  const paths = (server: string) => scriptPaths(script_dir(), server);

  beforeAll(async () => {
    cluster = await startCluster({ replicas: 2, settings: { archive_mode: 'on' } });
    ({ master } = cluster);
    directory = join(cluster.folder, "the archive's");
    mkdirSync(directory);
    await giveTo(user, directory);
    lab = await calmLab(cluster, {
      archive: { archiving: true, archive_script_method: 'archive_local_dir', script_dir: script_dir() },
      plugins: { archive_local_dir: { directory } },
    });
    expect((await lab.handyrep.startArchiving()).details).toBe(
      'archiving goes on: the scripts are installed on db1, db2, db3',
    );
    for (const { name, sql } of cluster.servers) {
      const commands = archiveCommands(paths(name));
      for (const [key, value] of [
        ['archive_command', commands.archive],
        ['restore_command', commands.restore],
      ] as const) {
        await sql(`ALTER SYSTEM SET ${key} = '${value.replaceAll("'", "''")}'`);
      }
      await sql('SELECT pg_reload_conf()');
    }
    await master.sql('CREATE TABLE ledger (n int PRIMARY KEY)');
  }, 90_000);

  afterAll(async () => {
    await Promise.all(restored.map((one) => one.stop('immediate')));
    giveBackPorts(ports);
  });

  async function write(from: number, to: number): Promise<void> {
    for (let n = from; n <= to; n++) await master.sql('INSERT INTO ledger VALUES ($1)', [n]);
  }

  /** Completes a segment; its name. */
  async function complete(): Promise<string> {
    const [row] = await master.sql('SELECT pg_walfile_name(pg_switch_wal()) AS name');
    return row?.['name'] ?? '';
  }

  /** Remembers this moment, by name and by time. */
  async function moment(name: string): Promise<void> {
    await master.sql('SELECT pg_create_restore_point($1)', [name]);
    const [row] = await master.sql('SELECT clock_timestamp()::text AS now');
    moments[name] = row?.['now'] ?? '';
    await master.sql('SELECT pg_sleep(0.05)');
  }

  const archived = (name: string): Promise<unknown> =>
    waitFor(() => readdirSync(directory).includes(name), { deadline: 30_000, what: `${name} in the archive` });

  /** Makes a server of the base backup and the archive alone, which stops at a target. */
  async function restore(target: Readonly<Record<string, string>>): Promise<DemoServer> {
    const number = restored.length + 1;
    const [port = 0] = await takePorts(1);
    ports.push(port);
    const name = `restored${number.toString()}`;
    const pgdata = join(cluster.folder, name);
    execFileSync('cp', ['-a', base, pgdata]);
    writeFileSync(join(pgdata, 'recovery.signal'), '');
    writeFileSync(join(pgdata, 'postgresql.auto.conf'), '');
    appendFileSync(
      join(pgdata, 'postgresql.conf'),
      settingLines({
        port: port.toString(),
        cluster_name: name,
        archive_mode: 'off',
        restore_command: archiveCommands(paths('db3')).restore,
        recovery_target_timeline: 'latest',
        recovery_target_action: 'promote',
        ...target,
      }),
    );
    const log_file = join(cluster.folder, `${name}.log`);
    writeFileSync(log_file, '');
    for (const file of [log_file, join(pgdata, 'recovery.signal')]) await giveTo(user, file);
    const { binaries } = cluster;
    const server = demoServer({ name, port, pgdata, log_file, socket_dir: cluster.folder, binaries, user });
    restored.push(server);
    await server.start();
    await waitFor(async () => (await server.sql('SELECT pg_is_in_recovery() AS r'))[0]?.['r'] === 'f', {
      deadline: 60_000,
      what: `${name} to reach its target`,
    });
    return server;
  }

  /** The rows of the ledger are these, each once. */
  async function holds(server: DemoServer, last: number): Promise<void> {
    const rows = await server.sql('SELECT n FROM ledger ORDER BY n');
    expect(rows.map(({ n }) => Number(n))).toEqual(Array.from({ length: last }, (_, index) => index + 1));
  }

  test('a base backup of the master, without WAL of its own', async () => {
    base = join(cluster.folder, 'base backup');
    const pg_basebackup = join(cluster.binaries.bin_dir, 'pg_basebackup');
    const where = ['-h', cluster.folder, '-p', master.port.toString(), '-U', cluster.roles.superuser];
    await runAs(user, [pg_basebackup, ...where, '-D', base, '-X', 'none', '--no-sync', '-c', 'fast'], {
      cwd: cluster.folder,
      timeout: 60_000,
    });
    await write(1, 40);
    await moment('before');
    await write(41, 60);
    await archived(await complete());
  }, 60_000);

  test('the master is killed with segments that it completed and did not archive', async () => {
    writeFileSync(paths('db1').stop, '');
    await write(61, 70);
    const left = [await complete()];
    await write(71, 80);
    left.push(await complete());
    await write(81, 90);
    const [row] = await master.sql('SELECT pg_current_wal_flush_lsn()::text AS lsn');
    await waitFor(
      async () => {
        const rows = await master.sql('SELECT min(flush_lsn) >= $1::pg_lsn AS all FROM pg_stat_replication', [
          row?.['lsn'],
        ]);
        return rows[0]?.['all'] === 't';
      },
      { deadline: 10_000, what: 'the replicas to have it all' },
    );
    expect(left.filter((name) => readdirSync(directory).includes(name))).toEqual([]);
    await lab.poll();
    await master.killTree();
    const report = await lab.check();
    expect(report).toMatchObject({ exit_code: 0, failed_over: true });
    const chosen = report.operation?.new_master ?? '';
    master = cluster.server(chosen);
    expect((await lab.saved()).archive).toEqual({ master: chosen, owed: [], gap: false, tried: null });
    for (const name of left) expect(readdirSync(directory)).toContain(name);
    const { stdout } = await runCommand(lab, ['log-tail', '-n', '200', '--category', 'ARCHIVE']);
    expect(stdout).toContain(`${chosen} archived 2 segment(s) that the former master had completed and not archived`);
    expect(stdout).toMatch(new RegExp(`the archive scripts of db2, db3 are installed, for the master ${chosen}`));
  }, 60_000);

  test('writes go on, on a new timeline', async () => {
    await write(91, 120);
    await moment('after');
    await write(121, 140);
    const name = await complete();
    expect(name.slice(0, 8)).toBe('00000002');
    await archived(name);
    expect(readdirSync(directory)).toContain('00000002.history');
  }, 60_000);

  test.each<[what: string, target: () => Readonly<Record<string, string>>, last: number]>([
    ['by name, before the failover', () => ({ recovery_target_name: 'before' }), 40],
    ['by time, before the failover', () => ({ recovery_target_time: moments['before'] ?? '' }), 40],
    ['by name, after it', () => ({ recovery_target_name: 'after' }), 120],
    ['by time, after it', () => ({ recovery_target_time: moments['after'] ?? '' }), 120],
    ['to the end of the archive', () => ({}), 140],
    ['to the end of what the old master wrote', () => ({ recovery_target_timeline: '1' }), 80],
  ])(
    '%s',
    async (_, target, last) => {
      await holds(await restore(target()), last);
    },
    90_000,
  );

  test('a replica that fell behind fetches from the archive what its master has removed', async () => {
    const replica = cluster.servers.find(({ name }) => name !== 'db1' && name !== master.name);
    if (replica === undefined) throw new Error('no replica');
    await replica.stop();
    await master.sql('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active');
    await write(141, 150);
    const name = await complete();
    await archived(name);
    for (let n = 0; n < 4; n++)
      await archived(await complete().then(async (one) => (await write(151 + n, 151 + n), one)));
    await master.sql('CHECKPOINT');
    await master.sql('CHECKPOINT');
    await waitFor(
      async () => {
        await master.sql("SELECT pg_logical_emit_message(true, 't', 'x')");
        await complete();
        await master.sql('CHECKPOINT');
        const rows = await master.sql('SELECT count(*) AS n FROM pg_ls_waldir() WHERE name = $1', [name]);
        return rows[0]?.['n'] === '0';
      },
      { deadline: 60_000, what: `${name} to be removed by the master` },
    );
    await replica.start();
    await waitFor(async () => (await replica.sql('SELECT count(*) AS n FROM ledger'))[0]?.['n'] === '154', {
      deadline: 30_000,
      what: 'the replica to catch up from the archive',
    });
    expect(await replica.log()).toContain(`restored log file "${name}" from archive`);
  }, 120_000);
});
