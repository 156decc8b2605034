import { expect, test } from 'vitest';
import type { CheckReport } from '../../src/index.js';
import { type DemoServer as Server, waitFor, withCluster } from '../pg/harness.js';
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
  const settings = { log_statement: 'all', log_line_prefix: '%p ' };
  await withCluster({ replicas: 2, settings }, async (cluster) => {
    const lab = await calmLab(cluster, { failover: { min_failover_interval: 0 } });
    const keptThere: number[] = [];
    const killed = [cluster.server('db1'), cluster.server('db2')];
    const { reports, took } = await rounds(
      lab,
      RARELY,
      (all) => all.filter((one) => one.failed_over).length === 2,
      // Its sessions must be held first: they are opened beside the end of the round.
      async () => {
        await held(killed[0] ?? cluster.master);
        if (killed[1] !== undefined) keptThere.push(await kept(killed[1]));
        await killed.shift()?.killTree();
      },
    );
    expect(took).toBeLessThan(40_000);
    expect(reports.map((one) => one.failed_over)).toEqual([false, true, true]);
    expect(reports.at(-1)).toMatchObject({ exit_code: 0, master: 'db3' });
    // The last round that saw it well was long ago, and a heartbeat was not.
    for (const { details } of reports.slice(1)) {
      const age = /at most what was written in the ([\d.]+) s since the last heartbeat/.exec(details)?.[1];
      expect(Number(age), details).toBeLessThan(5);
    }
    expect(await recovering(cluster.server('db3'))).toBe(false);
    // The promotion needed no connection.
    const asked = /^(\d+) .*pg_promote\(/m.exec(await cluster.server('db2').log())?.[1];
    expect([Number(asked)]).toEqual(keptThere);
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

test('what a replica lacks of what the master was last heard to have is told, and may forbid a failover', async () => {
  await withCluster({ replicas: 1 }, async (cluster) => {
    const lab = await calmLab(cluster, { failover: { max_data_loss: '1MB' } });
    const replica = cluster.server('db2');
    const [receiver] = await replica.sql('SELECT pid FROM pg_stat_wal_receiver');
    let missing = Number.NaN;
    const { reports } = await rounds(
      lab,
      RARELY,
      (all) => all.length === 2,
      async () => {
        await held(cluster.master);
        process.kill(Number(receiver?.['pid']), 'SIGSTOP');
        await cluster.master.sql("SELECT pg_logical_emit_message(true, 'test', repeat('x', 8000000))");
        await heardAgain(cluster.master);
        const [row] = await cluster.master.sql('SELECT pg_current_wal_lsn() AS lsn');
        const [behind] = await replica.sql('SELECT pg_wal_lsn_diff($1, pg_last_wal_receive_lsn()) AS bytes', [
          row?.['lsn'],
        ]);
        missing = Number(behind?.['bytes']);
        await cluster.master.killTree();
      },
    );
    expect(missing).toBeGreaterThan(7_000_000);
    expect(reports[1]).toMatchObject({ exit_code: 1, failed_over: false, decision: { diagnosis: 'master_crashed' } });
    const stated = /, and (\d+) would be lost/.exec(reports[1]?.details ?? '')?.[1];
    // Nobody but HandyRep and the background writes there.
    expect(Number(stated), reports[1]?.details).toBeGreaterThanOrEqual(missing - 100_000);
    expect(Number(stated)).toBeLessThan(missing + 1_000_000);
  });
});

test('sessions are kept on replicas that let us in, neither hold anything up nor outlive the watch', async () => {
  await withCluster({ replicas: 2 }, async (cluster) => {
    const lab = await calmLab(cluster);
    const [db2, db3] = [cluster.server('db2'), cluster.server('db3')];
    const over = { stopped: false };
    const { reports } = await rounds(
      lab,
      { for: 50_000, every: 300 },
      () => over.stopped,
      async (count) => {
        if (count === 1) await Promise.all([kept(db2), kept(db3)]);
        // It waits for every session: ours goes with the next round.
        if (count === 2) void db3.stop('smart').then(() => (over.stopped = true));
        expect(await keptOn(db2)).toHaveLength(1);
      },
    );
    expect(over.stopped, `${reports.length} rounds`).toBe(true);
    await waitFor(async () => (await keptOn(db2)).length === 0, { deadline: 5000, what: 'the session on db2 to end' });
  });
});

/** Waits until a heartbeat that was asked from now on is answered. */
async function heardAgain(server: Server): Promise<void> {
  const [now] = await server.sql('SELECT clock_timestamp() AS at');
  const text = `SELECT 1 FROM pg_stat_activity WHERE query LIKE '%heartbeat%' AND state = 'idle' AND usename = 'handyrep' AND query_start > $1`;
  await waitFor(async () => (await server.sql(text, [now?.['at']])).length > 0, {
    deadline: 10_000,
    what: 'another heartbeat',
  });
}

/** Sessions that are kept open, and idle: their processes. */
async function keptOn(server: Server): Promise<readonly number[]> {
  const text = `SELECT pid FROM pg_stat_activity WHERE usename = 'handyrep' AND application_name = 'handyrep' AND state = 'idle' AND query LIKE 'RESET ALL%'`;
  return (await server.sql(text)).map(({ pid }) => Number(pid));
}

async function kept(server: Server): Promise<number> {
  const only = async (): Promise<number | undefined> => {
    const [one, ...more] = await keptOn(server);
    return more.length === 0 ? one : undefined;
  };
  return waitFor(only, { deadline: 10_000, what: 'a session to be kept' });
}

/** Waits until a session is held on a server. */
async function held(server: Server): Promise<void> {
  const text = `SELECT 1 FROM pg_stat_activity WHERE usename = 'handyrep' AND query LIKE '%heartbeat%' AND state = 'idle'`;
  for (const end = performance.now() + 10_000; (await server.sql(text)).length === 0;) {
    if (performance.now() > end) throw new Error('no session is held');
  }
}
