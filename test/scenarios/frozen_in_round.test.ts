import { expect, test } from 'vitest';
import { closeClient, openClient } from '../../src/demo/sql.js';
import { type DemoCluster, waitFor, withCluster } from '../pg/harness.js';
import { calmLab, recovering } from './lab.js';

/*
 * The master freezes in the middle of a round, while it is asked something. What is asked waits for a lock until then, so that every
 * run freezes at the same place. A statement may take 20 s here, and nothing of a failover may wait for that.
 */

const STATEMENT = '20s';
const BOUND_MS = 12_000;

const PLACES = {
  'the first look': { lock: 'LOCK TABLE pg_catalog.pg_stat_wal_receiver', verify: false },
  'the cluster table is read': { lock: 'LOCK TABLE handyrep.handyrep', verify: false },
  'a verify asks for the archiver': { lock: 'LOCK TABLE pg_catalog.pg_stat_archiver', verify: true },
  'the cluster table is written': { lock: 'SELECT 1 FROM handyrep.handyrep FOR UPDATE', verify: true },
};

test.each(Object.entries(PLACES))('%s', async (_, { lock, verify }) => {
  await withCluster({ replicas: 1 }, async (cluster) => {
    const lab = await calmLab(cluster, { handyrep: { statement_timeout: STATEMENT } });
    let frozen: Promise<number> | null = null;
    for await (const report of lab.handyrep.failoverChecks({ for: 60_000, every: 1000, verify })) {
      if (!('failed_over' in report)) throw new Error(report.details);
      if (report.failed_over) break;
      expect(report, report.details).toMatchObject({ exit_code: 0, master: 'db1' });
      frozen ??= freezeAt(cluster, lock);
    }
    const took = performance.now() - ((await frozen) ?? Number.NaN);
    expect(took).toBeLessThan(BOUND_MS);
    expect(await recovering(cluster.server('db2'))).toBe(false);
  });
});

/** Freezes the master when somebody waits for this lock; when that was. */
async function freezeAt(cluster: DemoCluster, lock: string): Promise<number> {
  const { master, roles } = cluster;
  await waitFor(() => has(cluster, "FROM pg_stat_activity WHERE query LIKE '%heartbeat%' AND usename = 'handyrep'"), {
    deadline: 10_000,
    what: 'a session to be held',
  });
  const client = openClient({
    host: master.socket_dir,
    port: master.port,
    user: roles.superuser,
    database: 'postgres',
    timeout: 30_000,
  });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query('BEGIN');
    await client.query(lock);
    await waitFor(() => has(cluster, 'FROM pg_locks WHERE NOT granted'), {
      deadline: 10_000,
      what: 'somebody to wait for the lock',
    });
    master.freeze();
    return performance.now();
  } finally {
    closeClient(client, 1000);
  }
}

async function has({ master }: DemoCluster, from: string): Promise<boolean> {
  return (await master.sql(`SELECT 1 ${from}`)).length > 0;
}
