import { setTimeout as sleep } from 'node:timers/promises';
import type { DemoCluster } from '../../src/demo/cluster.js';
import { startWriter } from '../../src/demo/writer.js';
import { waitFor } from '../../test/pg/wait.js';
import { withCluster } from '../clusters.js';
import { RUNS } from '../counts.js';
import type { Aim, Findings } from '../figures.js';
import { handyrep, watch } from '../measure.js';

const CALM_MS = 1500;
/** As the rounds of `--for` are apart. */
const ROUND_MS = 5000;
const DEADLINE_MS = 60_000;

interface Rescue {
  readonly aim?: Aim;
  /** Kills the master and has somebody promote a replica; ends when that is done, or when it was begun. */
  run(cluster: DemoCluster, config: string, kill: () => Promise<void>): Promise<{ stop(): Promise<unknown> } | null>;
}

const FLOOR = 'SELECT pg_promote(), sent at once';
const RESCUES: Readonly<Record<string, Rescue>> = {
  [FLOOR]: {
    run: async (cluster, _config, kill) => {
      await kill();
      await cluster.server('db2').sql('SELECT pg_promote()');
      return null;
    },
  },
  'failover-check, started at once': {
    aim: { of: 'median', at_most: 1500 },
    run: async (_cluster, config, kill) => {
      await kill();
      await handyrep(config, 'failover-check');
      return null;
    },
  },
  'failover-check --for 55s (a round every 5 s)': {
    aim: { of: 'median', at_most: 600 },
    run: (_cluster, config, kill) => killWhileWatched(config, kill, []),
  },
  'failover-check --for 55s --every 1s': {
    run: (_cluster, config, kill) => killWhileWatched(config, kill, ['--every', '1s']),
  },
};

/** Each run has a cluster of its own, and the ways take turns. */
export async function crash(): Promise<Findings> {
  const outages = new Map<string, number[]>(Object.keys(RESCUES).map((name) => [name, []]));
  for (let count = 0; count < RUNS; count++) {
    for (const [name, rescue] of Object.entries(RESCUES)) {
      const ms = await withCluster({}, (cluster, config) => outage(cluster, config, rescue));
      outages.get(name)?.push(ms);
    }
  }
  const figures = [...outages].map(([name, values]) => {
    const aim = RESCUES[name]?.aim;
    return {
      name,
      unit: 'ms',
      values,
      ...(name === FLOOR ? {} : { against: FLOOR }),
      ...(aim === undefined ? {} : { aim }),
    };
  });
  return { figures };
}

/** The kill comes at any moment of the time between two rounds. */
async function killWhileWatched(
  config: string,
  kill: () => Promise<void>,
  more: readonly string[],
): Promise<{ stop(): Promise<unknown> }> {
  const watching = watch(config, 'failover-check', '--for', '55s', ...more);
  await sleep(CALM_MS + Math.random() * ROUND_MS);
  await kill();
  return watching;
}

/** Milliseconds without an acknowledged write. */
async function outage(cluster: DemoCluster, config: string, rescue: Rescue): Promise<number> {
  await handyrep(config, 'verify');
  const hosts = cluster.servers.map(({ host, port }) => ({ host, port }));
  const writer = await startWriter({ hosts, user: cluster.roles.app });
  try {
    await sleep(CALM_MS);
    const kill = async (): Promise<void> => {
      await cluster.master.killTree();
    };
    const watching = await rescue.run(cluster, config, kill);
    await waitFor(() => writer.acks.some(({ port }) => port !== cluster.master.port), {
      deadline: DEADLINE_MS,
      what: 'somebody to take writes again',
    });
    await watching?.stop();
    await sleep(CALM_MS);
  } finally {
    await writer.stop();
  }
  return writer.report().longest_gap.ms;
}
