import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { type FakeServer, startFake } from '../hosts/tcp.js';
import { type DemoServer, waitFor, withCluster } from '../pg/harness.js';
import { calmLab, recovering } from './lab.js';

/*
 * The master freezes in the middle of a round, just before it gets a question: every run freezes at the same place. A statement may
 * take 20 s here, and nothing of a failover may wait for that.
 */

const STATEMENT = '20s';
const BOUND_MS = 12_000;

/** Words of the question. */
const PLACES = {
  'the first look': { words: 'pg_stat_wal_receiver', verify: false },
  'the cluster table is read': { words: 'SELECT state::text AS state FROM', verify: false },
  'a verify asks for the archiver': { words: 'pg_stat_archiver', verify: true },
  'the cluster table is written': { words: 'ON CONFLICT (cluster_name)', verify: true },
};

test.each(Object.entries(PLACES))('%s', async (_, { words, verify }) => {
  await withCluster({ replicas: 1 }, async (cluster) => {
    const trap = await setTrap(cluster.master, words);
    try {
      const servers = { db1: { port: trap.port } };
      const lab = await calmLab(cluster, { handyrep: { statement_timeout: STATEMENT }, servers });
      for await (const report of lab.handyrep.failoverChecks({ for: 60_000, every: 1000, verify })) {
        if (!('failed_over' in report)) throw new Error(report.details);
        if (report.failed_over) break;
        expect(report, report.details).toMatchObject({ exit_code: 0, master: 'db1' });
        if (!Number.isNaN(trap.sprung())) continue;
        await held(cluster.master);
        trap.arm();
      }
      expect(performance.now() - trap.sprung()).toBeLessThan(BOUND_MS);
      expect(await recovering(cluster.server('db2'))).toBe(false);
    } finally {
      await trap.stop();
    }
  });
});

interface Trap extends Pick<FakeServer, 'port' | 'stop'> {
  arm(): void;
  /** When the master froze; NaN: it did not. */
  sprung(): number;
}

/** A way to the master that freezes it, once it is armed, when these words are about to be sent there. */
async function setTrap(master: DemoServer, words: string): Promise<Trap> {
  let armed = false;
  let sprung = Number.NaN;
  const way = await startFake((near) => {
    const far = connect(master.port, master.host);
    near.on('data', (chunk: Buffer) => {
      if (armed && Number.isNaN(sprung) && chunk.includes(words)) {
        master.freeze();
        sprung = performance.now();
      }
      far.write(chunk);
    });
    far.pipe(near);
    far.on('error', () => near.destroy());
    near.on('close', () => far.destroy());
  });
  return { port: way.port, stop: () => way.stop(), arm: () => (armed = true), sprung: () => sprung };
}

async function held(master: DemoServer): Promise<void> {
  const text = "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%heartbeat%' AND usename = 'handyrep'";
  await waitFor(async () => (await master.sql(text)).length > 0, { deadline: 10_000, what: 'a session to be held' });
}
