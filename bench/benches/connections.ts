import { setTimeout as sleep } from 'node:timers/promises';
import type { DemoCluster } from '../../src/demo/cluster.js';
import { startBalancer } from '../../test/hosts/haproxy.js';
import { startBouncer } from '../../test/hosts/pgbouncer.js';
import { initPgbench } from '../../test/hosts/pgbench.js';
import { outages, startClients } from '../clients.js';
import { type Written, changedConfig, withCluster } from '../clusters.js';
import { SWITCHOVERS } from '../counts.js';
import type { Figure, Findings } from '../figures.js';
import { handyrep } from '../measure.js';

const CALM_MS = 1500;

/** One way to the master, set up in front of a cluster. */
interface Setup {
  /** What the configuration says of it. */
  readonly config: {
    readonly method: string | null;
    readonly servers: Readonly<Record<string, unknown>>;
    readonly plugins: Readonly<Record<string, unknown>>;
  };
  /** What each group of clients connects by. */
  readonly clients: Readonly<Record<string, readonly string[]>>;
  readonly errors_allowed: boolean;
  stop(): Promise<unknown>;
}

const WAYS: readonly ((cluster: DemoCluster) => Promise<Setup>)[] = [
  async (cluster) => {
    const bouncers = await Promise.all(['pgb1', 'pgb2'].map((name) => startBouncer(cluster, { name })));
    return {
      config: {
        method: 'multi_pgbouncer',
        servers: Object.fromEntries(bouncers.map(({ name, entry }) => [name, entry])),
        plugins: { multi_pgbouncer: { databases: ['postgres'] } },
      },
      clients: Object.fromEntries(bouncers.map(({ name, port }) => [`pgbouncer ${name}`, behind(port)])),
      errors_allowed: false,
      stop: () => Promise.all(bouncers.map((one) => one.kill())),
    };
  },
  async (cluster) => {
    const balancer = await startBalancer(cluster, 'ha1');
    return {
      config: {
        method: 'haproxy_update',
        servers: { ha1: balancer.entry },
        plugins: { haproxy_update: balancer.settings },
      },
      clients: { haproxy: behind(balancer.port) },
      errors_allowed: true,
      stop: () => balancer.kill(),
    };
  },
  async (cluster) => {
    const hosts = cluster.servers.map(({ host, port }) => `${host}:${port.toString()}`).join(',');
    const list = `postgresql://postgres@${hosts}/postgres?target_session_attrs=read-write&connect_timeout=2`;
    return {
      config: { method: null, servers: {}, plugins: {} },
      clients: { 'a list of hosts': [list] },
      errors_allowed: true,
      stop: async () => undefined,
    };
  },
];

/** What clients notice of planned switchovers, by each way to the master. Fails when a client behind pgbouncer sees an error. */
export async function connections(): Promise<Findings> {
  const all: Findings[] = [];
  for (const way of WAYS) {
    const found = await withCluster({}, async (cluster, config) => {
      const setup = await way(cluster);
      try {
        return await measure(cluster, config, setup);
      } finally {
        await setup.stop();
      }
    });
    all.push(found);
  }
  return { figures: all.flatMap(({ figures }) => figures), notes: all.flatMap(({ notes = [] }) => notes) };
}

async function measure(cluster: DemoCluster, file: string, setup: Setup): Promise<Findings> {
  const { config: added, clients, errors_allowed } = setup;
  const config = await changedConfig(file, 'way', (written) => withWay(written, added));
  await handyrep(config, 'verify');
  if (added.method !== null) await handyrep(config, '--yes', 'proxy', 'init');
  await initPgbench(cluster);
  const loads = await Promise.all(
    Object.entries(clients).map(async ([name, argv]) => ({ name, load: await startClients(cluster, argv) })),
  );
  const begins: number[] = [];
  try {
    for (let n = 0; n < SWITCHOVERS; n++) {
      await sleep(CALM_MS);
      begins.push(Date.now());
      await handyrep(config, '--yes', 'failover', '--to', n % 2 === 0 ? 'db2' : 'db1');
    }
    const over = Date.now();
    await Promise.all(loads.map(({ load }) => load.servedSince(over)));
  } finally {
    await Promise.all(loads.map(({ load }) => load.stop()));
  }
  const figures: Figure[] = [];
  const notes: string[] = [];
  for (const { name, load } of loads) {
    const { successes, broken, refused, said } = await load.stop();
    const longest = Math.max(0, ...successes.map(({ took }) => took));
    figures.push({ name, unit: 'ms', values: outages(successes, begins) });
    notes.push(
      `${name}: ${successes.length} transactions, ${broken} failed with their session, ${refused} attempts to connect again failed; the slowest that succeeded took ${longest.toFixed(0)} ms`,
    );
    if (broken + refused > 0 && !errors_allowed) throw new Error(`a promise was broken: ${said.join('; ')}`);
  }
  await handyrep(config, 'verify');
  return { figures, notes };
}

function behind(port: number): readonly string[] {
  return ['-h', '127.0.0.1', '-p', port.toString(), '-U', 'postgres', 'postgres'];
}

function withWay(written: Written, { method, servers, plugins }: Setup['config']): Written {
  const failover = { ...written['failover'], connection_failover_method: method };
  return { ...written, failover, servers: { ...written['servers'], ...servers }, plugins };
}
