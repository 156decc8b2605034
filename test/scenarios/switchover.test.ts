import { describe, expect, test } from 'vitest';
import { lostWrites, startClusterWriter, waitFor, withCluster, WRITTEN_IDS } from '../pg/harness.js';
import { calmLab, recovering, runCommand } from './lab.js';

describe('a switchover', () => {
  test('there and back: no acknowledged commit is lost, everybody streams, nothing is left to do', async () => {
    await withCluster({ replicas: 2 }, async (cluster) => {
      const lab = await calmLab(cluster);
      const writer = await startClusterWriter(cluster);
      for (const to of ['db2', 'db1']) {
        const done = await runCommand(lab, ['--json', '--yes', 'failover', '--to', to]);
        const report = JSON.parse(done.stdout) as { details: string };
        expect([done.code, report.details]).toEqual([0, expect.stringContaining(`to ${to}, loss none`)]);
      }
      const report = await writer.stop();
      console.log(report);
      expect(await recovering(cluster.server('db1'))).toBe(false);
      expect(lostWrites(writer.acks, await cluster.server('db1').sql(WRITTEN_IDS))).toEqual([]);
      const verified = await lab.verify();
      console.log(JSON.stringify(verified.servers, null, 1), verified.cluster);
      await waitFor(() => true, { deadline: 1, what: 'x' });
      console.log(JSON.stringify((await lab.saved()).history.map((h) => h.steps.map((s) => [s.step.kind, s.note, Date.parse(s.ended ?? '') - Date.parse(s.begun ?? '')])), null, 1));
    });
  });
});
