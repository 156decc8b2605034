import { readFile, readdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { signal } from '../../src/demo/processes.js';
import type { CheckReport } from '../../src/index.js';
import { type DemoCluster, withCluster } from '../pg/harness.js';
import { type Lab, calmLab } from './lab.js';

/** The old master's commits that nobody else has make a rejoin_method necessary. */
async function dieAhead({ master }: DemoCluster): Promise<void> {
  await master.sql('CREATE TABLE lost (n int)');
  for (const row of await master.sql('SELECT pid FROM pg_stat_replication')) signal(Number(row['pid']), 'SIGSTOP');
  await master.sql('INSERT INTO lost VALUES (1)');
  await master.killTree();
}

async function logged(lab: Lab, words: string): Promise<number> {
  const log = await readFile(join(lab.dir, 'handyrep.log'), 'utf8');
  return log.split('\n').filter((line) => line.includes(words)).length;
}

/** A rejoin_method that takes its time and gives up. */
const SLOW = `
export default {
  kind: 'rejoin_method',
  description: 'takes its time',
  settings: (z) => z.strictObject({}),
  run: () => async () => {
    await new Promise((resolve) => setTimeout(resolve, 3000));
    return { ok: false, error: { code: 'plugin_failed', message: 'gave up' } };
  },
};
`;

describe('auto_rejoin', () => {
  test('after a failover, in the same run; and when it is paused, not at all', async () => {
    await withCluster({ replicas: 1 }, async (cluster) => {
      const lab = await calmLab(cluster, { failover: { auto_rejoin: true } });
      await dieAhead(cluster);
      const report = await lab.check();
      expect(report).toMatchObject({
        exit_code: 0,
        failed_over: true,
        rejoined: [{ server: 'db1', result: 'SUCCESS' }],
      });
      expect(report.rejoined[0]?.details).toContain('handyrep-diverged-');
      expect(await lab.check()).toMatchObject({ exit_code: 0, rejoined: [], cluster: { status: 'healthy' } });
      expect((await lab.saved()).history[0]).toMatchObject({ kind: 'rejoin', automatic: true, result: 'SUCCESS' });

      // Roles are the other way round now, and the next one waits for the end of a pause.
      await cluster.server('db2').killTree();
      await lab.handyrep.pause({ reason: 'a test' });
      expect(await lab.handyrep.promote('db1')).toMatchObject({ exit_code: 0, failed_over: true });
      expect(await lab.check()).toMatchObject({ exit_code: 0, rejoined: [] });
      await lab.handyrep.resume();
      expect(await lab.check({ dry_run: true })).toMatchObject({ rejoined: [] });
      expect(await lab.check()).toMatchObject({ rejoined: [{ server: 'db2', result: 'SUCCESS' }] });
    });
  });

  test('false: the old master is left fenced', async () => {
    await withCluster({ replicas: 1 }, async (cluster) => {
      const lab = await calmLab(cluster);
      await cluster.master.killTree();
      expect(await lab.check()).toMatchObject({ failed_over: true, rejoined: [] });
      expect(await lab.check()).toMatchObject({ exit_code: 0, rejoined: [] });
      expect((await lab.saved()).former_masters).toMatchObject([{ server: 'db1', rejoin_failures: 0 }]);
    });
  });

  test('three failures, and then a person is asked for, once', async () => {
    await withCluster({ replicas: 1 }, async (cluster) => {
      const lab = await calmLab(cluster, { failover: { auto_rejoin: true, rejoin_method: 'failplugin' } });
      await dieAhead(cluster);
      const failed: (readonly [number, number])[] = [];
      for (let round = 1; round <= 5; round++) {
        const report = await lab.check();
        failed.push([report.exit_code, report.rejoined.filter((one) => one.result === 'FAIL').length]);
      }
      expect(failed).toEqual([
        [0, 1],
        [0, 1],
        [0, 1],
        [0, 0],
        [0, 0],
      ]);
      expect((await lab.saved()).former_masters).toMatchObject([{ server: 'db1', rejoin_failures: 3 }]);
      expect(await logged(lab, 'a person is needed: `handyrep rejoin db1`')).toBe(1);
      expect(cluster.master.isRunning()).toBe(false);
      // What the person does still works.
      const mended = await lab.reconfigure({ failover: { rejoin_method: 'rejoin_rewind' } });
      expect(await mended.handyrep.rejoin('db1')).toMatchObject({ exit_code: 0, diverged: true });
    });
  });

  test('a data directory that is gone counts as a failure', async () => {
    await withCluster({ replicas: 1 }, async (cluster) => {
      const lab = await calmLab(cluster, { failover: { auto_rejoin: true, rejoin_method: 'failplugin' } });
      const { pgdata } = cluster.master;
      await dieAhead(cluster);
      await lab.check();
      await rename(pgdata, `${pgdata}.away`);
      expect(await lab.check()).toMatchObject({ rejoined: [{ result: 'FAIL' }] });
      expect((await lab.saved()).former_masters).toMatchObject([{ rejoin_failures: 2 }]);
    });
  });

  test('the rounds of --for go on beside it', async () => {
    await withCluster({ replicas: 1 }, async (cluster) => {
      const lab = await calmLab(cluster, {
        failover: { auto_rejoin: true, rejoin_method: 'rejoin_slow' },
        plugin_files: { 'rejoin_slow.mjs': SLOW },
      });
      await dieAhead(cluster);
      const reports: CheckReport[] = [];
      for await (const report of lab.handyrep.failoverChecks({ for: 5000, every: 500 }))
        reports.push(report as CheckReport);
      expect(reports.map((one) => one.exit_code)).toEqual(reports.map(() => 0));
      const first = reports.findIndex((one) => one.rejoined.length > 0);
      expect(first).toBeGreaterThan(2);
      expect(reports[first]?.rejoined[0]).toMatchObject({ server: 'db1', result: 'FAIL' });
      // What only db1 has is kept once, however often it is tried.
      const beside = await readdir(dirname(cluster.master.pgdata));
      expect(beside.filter((name) => name.startsWith('handyrep-diverged-'))).toHaveLength(1);
    });
  });
});
