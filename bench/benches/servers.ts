import { type Written, changedConfig, withCluster } from '../clusters.js';
import { MOST_SERVERS, RUNS } from '../counts.js';
import { type Figure, type Findings, spreadOf } from '../figures.js';
import { handyrep, timed } from '../measure.js';
import { type Relay, startRelay } from '../relay.js';

/** Milliseconds that each packet is held in each direction: as far as another continent. */
const DELAY_MS = 50;
const SIZES = [1, 3, 10, 50].filter((size) => size <= MOST_SERVERS);
/**
 * Servers that do nothing but stream, small enough for fifty on one machine. What a replica must have as large as its master had it
 * (connections, worker processes) stays as it is.
 */
const SMALL = {
  shared_buffers: '1MB',
  max_logical_replication_workers: '0',
  autovacuum: 'off',
  max_wal_senders: '100',
  max_replication_slots: '100',
};
const CHECKS = ['poll', 'verify'] as const;

/** Clusters of growing size, each near and each behind relays. */
export async function servers(): Promise<Findings> {
  const figures: Figure[] = [];
  for (const size of SIZES) {
    const measured = await withCluster({ replicas: size - 1, settings: SMALL }, async (cluster, config) => {
      const names = cluster.servers.map(({ name }) => name);
      const near = await measureChecks(config, names, 'near');
      const relays = await Promise.all(cluster.servers.map(({ port }) => startRelay(port, DELAY_MS)));
      try {
        const far = await changedConfig(config, 'far', (written) => sentThrough(written, names, relays));
        return [...near, ...(await measureChecks(far, names, 'far'))];
      } finally {
        relays.forEach((one) => one.close());
      }
    });
    figures.push(...measured);
  }
  return {
    figures,
    notes: [
      `far: every server is behind a relay of the bench, a program that holds each packet for ${DELAY_MS} ms in each direction; not netem, which needs root and a kernel that has it`,
      'a single one: the slowest of the first, the middle and the last server, each checked alone by `poll NAME` or `verify NAME`; the start-up is in it',
      'the servers share the cores with HandyRep: what a check of many near ones takes is the processor time of both',
    ],
  };
}

/** The same configuration, with a state and a log of its own, that leads through the relays. */
function sentThrough(written: Written, names: readonly string[], relays: readonly Relay[]): Written {
  const servers = Object.entries(written['servers'] ?? {}).map(([name, def]) => [
    name,
    { ...(def as object), port: relays[names.indexOf(name)]?.port },
  ]);
  const handyrep = { ...written['handyrep'], server_file: 'far.save', log_file: 'far.log' };
  return { ...written, handyrep, servers: Object.fromEntries(servers) as Record<string, unknown> };
}

async function measureChecks(config: string, names: readonly string[], where: string): Promise<readonly Figure[]> {
  const some = [...new Set([0, Math.floor(names.length / 2), names.length - 1])].map((at) => names[at] ?? '');
  await handyrep(config, 'verify');
  const figures: Figure[] = [];
  for (const check of CHECKS) {
    const all: number[] = [];
    const single = new Map<string, number[]>(some.map((name) => [name, []]));
    for (let run = 0; run < RUNS; run++) {
      all.push(await timed(() => handyrep(config, check)));
      for (const [name, times] of single) times.push(await timed(() => handyrep(config, check, name)));
    }
    const slowest = [...single.values()].toSorted((a, b) => spreadOf(b).median - spreadOf(a).median)[0] ?? [];
    const one = `${check} of a single one of ${names.length} ${where}`;
    figures.push(
      { name: one, unit: 'ms', values: slowest },
      {
        name: `${check} of ${names.length} ${where}`,
        unit: 'ms',
        values: all,
        against: one,
        ...(check === 'poll' && names.length === 50 ? { aim: { of: 'ratio', at_most: 1.5 } as const } : {}),
      },
    );
  }
  return figures;
}
