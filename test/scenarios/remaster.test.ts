import { beforeAll, describe, expect, test } from 'vitest';
import { type DemoCluster, startCluster, waitFor } from '../pg/harness.js';
import { type Lab, calmLab, runCommand } from './lab.js';

let cluster: DemoCluster;
let lab: Lab;

beforeAll(async () => {
  cluster = await startCluster({ replicas: 2, settings: { wal_retrieve_retry_interval: '100ms' } });
  lab = await calmLab(cluster);
}, 90_000);

async function json(
  ...args: readonly string[]
): Promise<{ readonly code: unknown; readonly report: Record<string, unknown> }> {
  const done = await runCommand(lab, ['--json', ...args]);
  return { code: done.code, report: JSON.parse(done.stdout) as Record<string, unknown> };
}

async function slots(name: string): Promise<readonly unknown[]> {
  const rows = await cluster.server(name).sql('SELECT slot_name, active FROM pg_replication_slots ORDER BY slot_name');
  return rows.map((row) => `${row['slot_name'] ?? ''}:${row['active'] ?? ''}`);
}

describe('a replica', () => {
  test('is pointed at another replica: it streams from there, and its slot on the master goes', async () => {
    const done = await runCommand(lab, ['remaster', 'db3', '--to', 'db2']);
    expect(done).toMatchObject({ code: 0, stderr: '' });
    expect(done.stdout).toBe('SUCCESS: db3 streams from db2; its slot handyrep_db3 on db1 was dropped\n');
    expect(await slots('db1')).toEqual(['handyrep_db2:t']);
    expect(await slots('db2')).toEqual(['handyrep_db3:t']);
  });

  test('does not follow one that follows it', async () => {
    const { code, report } = await json('remaster', 'db2', '--to', 'db3');
    expect(code).toBe(4);
    expect(report['details']).toBe('db2 would follow itself: db3 streams from db2');
  });

  test('is pointed at the master again', async () => {
    expect(await json('remaster', 'db3')).toMatchObject({
      code: 0,
      report: { replica: 'db3', master: 'db1', slots: ['its slot handyrep_db3 on db2 was dropped'] },
    });
    expect(await slots('db1')).toEqual(['handyrep_db2:t', 'handyrep_db3:t']);
    expect(await slots('db2')).toEqual([]);
    // Once more changes nothing.
    expect(await lab.handyrep.remaster('db3')).toMatchObject({ exit_code: 0, slots: [] });
  });
});

test.each([
  [['remaster', 'db1'], 4, 'db1 is the master'],
  [['remaster', 'db2', '--to', 'db2'], 2, 'cannot follow itself'],
  [['remaster', 'db9'], 2, 'there is no server db9'],
  [['remaster', 'db2', '--to', 'db0'], 2, 'there is no server db0'],
  [['remaster', 'db2', '--to'], 2, 'argument missing'],
  [['remaster', 'db2', '--form', 'db1'], 2, "unknown option '--form'"],
] as const)('%j ends with %d', async (args, expected, details) => {
  const { code, report } = await json(...args);
  expect(code).toBe(expected);
  expect(report['details']).toContain(details);
});

test('a target that is down is told, and the replica stays where it is', async () => {
  await cluster.server('db2').stop();
  const { code, report } = await json('remaster', 'db3', '--to', 'db2');
  expect(code).toBe(1);
  expect(report['details']).toContain('db2 must answer');
  expect(report['hint']).toContain('handyrep start db2');
  expect(await slots('db1')).toEqual(['handyrep_db2:f', 'handyrep_db3:t']);
  await lab.handyrep.start('db2');
});

test('a replica that has diverged is not pointed anywhere', async () => {
  // db2 was promoted by hand and wrote; db3, cut off from it, goes on behind the old master.
  await cluster.server('db2').sql('SELECT pg_promote()');
  await waitFor(() => cluster.server('db2').sql('CREATE TABLE of_db2 ()'), { deadline: 10_000, what: 'db2 to write' });
  await cluster.master.sql('CREATE TABLE of_db1 ()');
  await waitFor(
    async () => (await cluster.server('db3').sql(`SELECT 1 FROM pg_class WHERE relname = 'of_db1'`)).length > 0,
    { deadline: 10_000, what: 'db3 to have what only db1 wrote' },
  );
  await cluster.master.stop('immediate');
  expect((await lab.check()).decision.diagnosis).toBe('master_healthy');
  expect(await lab.handyrep.getMasterName()).toBe('db2');
  const { code, report } = await json('remaster', 'db3');
  expect(code).toBe(4);
  expect(report['details']).toContain('db3 has diverged');
  expect(report['hint']).toContain('handyrep rejoin db3');
});
