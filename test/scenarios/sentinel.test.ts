import { expect, test } from 'vitest';
import type { CheckReport } from '../../src/index.js';
import { withCluster } from '../pg/harness.js';
import { type Lab, calmLab, recovering } from './lab.js';

/** No round is due for a minute: what comes sooner, the session that is held on the master brought about. */
const RARELY = { for: 60_000, every: 60_000 };

/** The reports of rounds until `enough`, with the milliseconds at which each came. */
async function rounds(
  lab: Lab,
  options: { readonly for: number; readonly every: number },
  enough: (reports: readonly CheckReport[]) => boolean,
  after: (count: number) => Promise<unknown>,
): Promise<{ readonly reports: readonly CheckReport[]; readonly took: number }> {
  const began = performance.now();
  const reports: CheckReport[] = [];
  for await (const report of lab.handyrep.failoverChecks(options)) {
    if (!('failed_over' in report)) throw new Error(report.details);
    reports.push(report);
    if (enough(reports)) break;
    await after(reports.length);
  }
  return { reports, took: performance.now() - began };
}

test('a master that is killed between two rounds is replaced at once, and the next one is watched', async () => {
  await withCluster({ replicas: 2 }, async (cluster) => {
    const lab = await calmLab(cluster, { failover: { min_failover_interval: 0 } });
    const killed = [cluster.server('db1'), cluster.server('db2')];
    const { reports, took } = await rounds(
      lab,
      RARELY,
      (all) => all.filter((one) => one.failed_over).length === 2,
      // Its sessions must be held first: they are opened beside the end of the round.
      async () => {
        await held(killed[0] ?? cluster.master);
        await killed.shift()?.killTree();
      },
    );
    expect(took).toBeLessThan(40_000);
    expect(reports.map((one) => one.failed_over)).toEqual([false, true, true]);
    expect(reports.at(-1)).toMatchObject({ exit_code: 0, master: 'db3' });
    expect(await recovering(cluster.server('db3'))).toBe(false);
    const log = await lab.handyrep.readLog({ lines: 200, category: 'FAILURE' });
    expect(JSON.stringify(log)).toContain('the session held on db1 ended: looking at once');
  });
});

test('a master that is frozen is looked at when it misses a heartbeat', async () => {
  await withCluster({ replicas: 1 }, async (cluster) => {
    const lab = await calmLab(cluster, { failover: { failover_on_hung: false } });
    const { reports, took } = await rounds(
      lab,
      RARELY,
      (all) => all.length === 2,
      async () => {
        await held(cluster.master);
        cluster.master.freeze();
      },
    );
    expect(took).toBeLessThan(40_000);
    expect(reports[1]).toMatchObject({ exit_code: 1, failed_over: false, decision: { diagnosis: 'master_hung' } });
    cluster.master.thaw();
  });
});

test('sessions that are ended again and again are no reason for anything but a look now and then', async () => {
  await withCluster({ replicas: 1 }, async (cluster) => {
    const lab = await calmLab(cluster);
    const stop = new AbortController();
    const ending = (async () => {
      while (!stop.signal.aborted) {
        await cluster.master.sql(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'handyrep' AND query LIKE '%heartbeat%'`,
        );
      }
    })();
    const { reports, took } = await rounds(
      lab,
      { for: 9000, every: 60_000 },
      () => false,
      () => Promise.resolve(),
    );
    stop.abort();
    await ending;
    expect(took).toBeGreaterThan(8500);
    expect(reports.length).toBeGreaterThan(1);
    expect(reports.length).toBeLessThan(8);
    expect(reports.every((one) => one.exit_code === 0 && !one.failed_over)).toBe(true);
    expect(await recovering(cluster.master)).toBe(false);
  });
});

/** Waits until a session is held on a server. */
async function held(server: { sql(text: string): Promise<readonly Record<string, unknown>[]> }): Promise<void> {
  const text = `SELECT 1 FROM pg_stat_activity WHERE usename = 'handyrep' AND query LIKE '%heartbeat%' AND state = 'idle'`;
  for (const end = performance.now() + 10_000; (await server.sql(text)).length === 0;) {
    if (performance.now() > end) throw new Error('no session is held');
  }
}
