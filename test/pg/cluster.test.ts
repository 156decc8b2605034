import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { beforeAll, describe, expect, test } from 'vitest';
import { waitStreaming } from '../../src/demo/cluster.js';
import { runSql } from '../../src/demo/sql.js';
import { lostWrites, startCluster, startClusterWriter, waitFor, withCluster, WRITTEN_IDS } from './harness.js';
import type { DemoCluster } from './harness.js';

let cluster: DemoCluster;

beforeAll(async () => {
  cluster = await startCluster({ replicas: 2, settings: { wal_retrieve_retry_interval: '100ms' } });
}, 120_000);

/** Processes that run in a data directory. */
function processesIn(folder: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/cwd`).startsWith(folder);
    } catch {
      return false;
    }
  });
}

describe('a throwaway cluster', () => {
  test('has one master and replicas that stream from it by their names and slots', async () => {
    const { master, replicas } = cluster;
    expect(await master.sql('SELECT pg_is_in_recovery() AS r')).toEqual([{ r: 'f' }]);
    for (const replica of replicas) expect(await replica.sql('SELECT pg_is_in_recovery() AS r')).toEqual([{ r: 't' }]);
    const slots = await master.sql('SELECT slot_name, active FROM pg_replication_slots ORDER BY slot_name');
    expect(slots).toEqual([
      { slot_name: 'handyrep_db2', active: 't' },
      { slot_name: 'handyrep_db3', active: 't' },
    ]);
  });

  test('gives the handyrep role its grants, and no superuser', async () => {
    const [row] = await cluster.master.sql(
      `SELECT rolsuper, rolreplication, pg_has_role('handyrep', 'pg_monitor', 'member') AS monitor,
              has_function_privilege('handyrep', 'pg_promote(boolean, integer)', 'execute') AS promote,
              has_function_privilege('handyrep', 'pg_read_binary_file(text)', 'execute') AS rewind
         FROM pg_roles WHERE rolname = 'handyrep'`,
    );
    expect(row).toEqual({ rolsuper: 'f', rolreplication: 't', monitor: 't', promote: 't', rewind: 't' });
  });

  test('loses nothing acknowledged when a replica is frozen and thawed', async () => {
    const [replica] = cluster.replicas;
    if (replica === undefined) throw new Error('no replica');
    const writer = await startClusterWriter(cluster);
    replica.freeze();
    await expect(replica.sql('SELECT 1', [], { timeout: 300 })).rejects.toThrow();
    expect(replica.isRunning()).toBe(true);
    replica.thaw();
    await waitFor(() => replica.sql('SELECT 1', [], { timeout: 300 }), {
      deadline: 10_000,
      what: 'the thawed replica',
    });
    const report = await writer.stop();
    expect(report.acknowledged).toBeGreaterThan(0);
    expect(lostWrites(writer.acks, await cluster.master.sql(WRITTEN_IDS))).toEqual([]);
  });

  test('killTree leaves no process, and what was acknowledged survives it', async () => {
    const writer = await startClusterWriter(cluster);
    await waitFor(() => writer.acks.length > 20, { deadline: 10_000, what: 'some writes' });
    expect(await cluster.master.killTree()).toBeGreaterThan(1);
    expect(cluster.master.isRunning()).toBe(false);
    expect(cluster.master.pid()).toBeNull();
    expect(processesIn(cluster.master.pgdata)).toEqual([]);
    await cluster.master.start();
    const before = writer.acks.length;
    await waitFor(() => writer.acks.length > before, { deadline: 20_000, what: 'writes to go on' });
    const report = await writer.stop();
    expect(report.longest_gap.ms).toBeGreaterThan(20);
    expect(lostWrites(writer.acks, await cluster.master.sql(WRITTEN_IDS))).toEqual([]);
    await waitStreaming(cluster.master, cluster.replicas, 30_000);
  }, 60_000);

  test.each(['fast', 'immediate'] as const)(
    'stops (%s) and starts again',
    async (mode) => {
      await cluster.master.stop(mode);
      expect(cluster.master.isRunning()).toBe(false);
      await cluster.master.start();
      expect(cluster.master.isRunning()).toBe(true);
    },
    60_000,
  );
});

test('destroy leaves nothing behind, twice, with a frozen and a stopped server', async () => {
  const folder = await withCluster({ replicas: 1, fresh: true }, async (other) => {
    const mine = await cluster.master.sql('SELECT system_identifier FROM pg_control_system()');
    expect(await other.master.sql('SELECT system_identifier FROM pg_control_system()')).not.toEqual(mine);
    other.master.freeze();
    await other.server('db2').killTree();
    await other.destroy();
    await other.destroy();
    return other.folder;
  });
  expect(folder.startsWith(tmpdir())).toBe(true);
  expect(existsSync(folder)).toBe(false);
  expect(processesIn(folder)).toEqual([]);
}, 120_000);

test('with a password, TCP asks for it and the replicas have it', async () => {
  await withCluster({ replicas: 1, password: "pa:ss'\\word" }, async (secret) => {
    await waitStreaming(secret.master, secret.replicas, 1000);
    const writer = await startClusterWriter(secret, { password: "pa:ss'\\word" });
    await writer.stop();
    const { host, port } = secret.master;
    const intruder = { host, port, user: 'app', database: 'postgres', password: 'wrong', timeout: 3000 };
    await expect(runSql(intruder, 'SELECT 1')).rejects.toThrow(/password/);
  });
}, 120_000);
