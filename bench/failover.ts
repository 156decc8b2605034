import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findBinaries } from '../src/demo/binaries.js';
import { createCluster, type DemoCluster } from '../src/demo/cluster.js';
import { writeConfig } from '../src/demo/demo-config.js';
import { startWriter } from '../src/demo/writer.js';
import { run, spread } from './measure.js';

/**
 * How long a client cannot write when the master's processes are killed: with HandyRep, and with nothing but
 * `SELECT pg_promote()` sent by hand at the same moment. Each run has a cluster of its own, and they take turns.
 */
const BIN = fileURLToPath(new URL('../dist/bin/handyrep.js', import.meta.url));
const RUNS = Number(process.env['HANDYREP_BENCH_RUNS'] ?? 3);
const CALM_MS = 1500;
const DEADLINE_MS = 60_000;

/** Kills the master and has somebody promote a replica; ends when that is done. */
type Rescue = (cluster: DemoCluster, kill: () => Promise<void>, config: string) => Promise<void>;

const rescues: Readonly<Record<string, Rescue>> = {
  'SELECT pg_promote(), sent at once': async (cluster, kill) => {
    await kill();
    await cluster.server('db2').sql('SELECT pg_promote()');
  },
  'failover-check, started at once': async (_cluster, kill, config) => {
    await kill();
    await handyrep(config, 'failover-check');
  },
  'failover-check --for 12s --every 1s': (_cluster, kill, config) =>
    watchAndKill(kill, handyrep(config, 'failover-check', '--for', '12s', '--every', '1s')),
  'failover-check --for 12s (every 5 s)': (_cluster, kill, config) =>
    watchAndKill(kill, handyrep(config, 'failover-check', '--for', '12s')),
};

/** The kill comes at any moment of the interval between two rounds. */
async function watchAndKill(kill: () => Promise<void>, watching: Promise<unknown>): Promise<void> {
  await sleep(CALM_MS + Math.random() * 5000);
  await kill();
  await watching;
}

const binaries = await findBinaries();
if (!binaries.ok) throw new Error(binaries.error.message);
const outages = new Map<string, number[]>(Object.keys(rescues).map((name) => [name, []]));
for (let count = 0; count < RUNS; count++) {
  for (const [name, rescue] of Object.entries(rescues)) {
    const cluster = await createCluster({ binaries: binaries.value });
    try {
      outages.get(name)?.push(await outage(cluster, rescue));
    } finally {
      await cluster.destroy();
    }
  }
}
print(binaries.value.major);

/** Milliseconds without an acknowledged write. */
async function outage(cluster: DemoCluster, rescue: Rescue): Promise<number> {
  const config = await writeConfig(cluster);
  await handyrep(config, 'verify');
  const hosts = cluster.servers.map(({ host, port }) => ({ host, port }));
  const writer = await startWriter({ hosts, user: cluster.roles.app });
  try {
    await sleep(CALM_MS);
    const kill = async (): Promise<void> => {
      await cluster.master.killTree();
    };
    await rescue(cluster, kill, config);
    const until = performance.now() + DEADLINE_MS;
    while (!writer.acks.some(({ port }) => port !== cluster.master.port)) {
      if (performance.now() > until) throw new Error('nobody took writes again');
      await sleep(5);
    }
    await sleep(CALM_MS);
  } finally {
    await writer.stop();
  }
  return writer.report().longest_gap.ms;
}

function handyrep(config: string, ...argv: string[]): Promise<string> {
  return run(process.execPath, [BIN, '-c', config, ...argv]);
}

function print(major: number): void {
  const title = `write outage after SIGKILL of the master, milliseconds, ${RUNS.toString()} runs, PostgreSQL ${major.toString()}: min, median, max`;
  process.stdout.write([title, ...[...outages].map(([name, all]) => spread(name, all).line), ''].join('\n'));
}
