import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DemoCluster, startCluster } from '../pg/harness.js';
import { type Lab, calmLab, runCommand } from './lab.js';

let cluster: DemoCluster;
let lab: Lab;

beforeAll(async () => {
  cluster = await startCluster({ replicas: 2, settings: { wal_log_hints: 'on' } });
  lab = await calmLab(cluster);
}, 90_000);

afterAll(() => cluster.destroy());

test('a healthy cluster gives no finding', async () => {
  const done = await runCommand(lab, ['doctor']);
  console.log(done.stdout, done.stderr);
  expect(done).toMatchObject({ code: 0 });
  console.log(
    (await runCommand(lab, ['doctor', '--timings'])).stdout,
    (await runCommand(lab, ['doctor', '--sudoers'])).stdout,
  );
});
