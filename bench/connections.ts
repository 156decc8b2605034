import { setTimeout as sleep } from 'node:timers/promises';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import { findBinaries } from '../src/demo/binaries.js';
import { type DemoCluster, createCluster } from '../src/demo/cluster.js';
import { writeConfig } from '../src/demo/demo-config.js';
import { startBalancer } from '../test/hosts/haproxy.js';
import { startBouncer } from '../test/hosts/pgbouncer.js';
import { initPgbench } from '../test/hosts/pgbench.js';
import { outages, startClients } from './clients.js';
import { run, spread } from './measure.js';

/**
 * What clients notice of planned switchovers, by each way to the master: pgbench through two pgbouncers, through haproxy, and by
 * a list of hosts, while `handyrep failover` goes there and back. Ends with an error when a client behind pgbouncer sees one.
 */
const BIN = fileURLToPath(new URL('../dist/bin/handyrep.js', import.meta.url));
const ROUNDS = Number(process.env['HANDYREP_BENCH_SWITCHOVERS'] ?? 10);
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

const binaries = await findBinaries();
if (!binaries.ok) throw new Error(binaries.error.message);
process.stdout.write(
  `${ROUNDS.toString()} switchovers there and back for each, 4 clients each; the longest time without a success, milliseconds: min, median, max\n`,
);
for (const way of WAYS) {
  const cluster = await createCluster({ binaries: binaries.value });
  try {
    const setup = await way(cluster);
    try {
      await measure(cluster, setup);
    } finally {
      await setup.stop();
    }
  } finally {
    await cluster.destroy();
  }
}

async function measure(cluster: DemoCluster, { config, clients, errors_allowed }: Setup): Promise<void> {
  const file = await withWay(await writeConfig(cluster), config);
  const handyrep = (...argv: string[]): Promise<string> => run(process.execPath, [BIN, '-c', file, ...argv]);
  await handyrep('verify');
  if (config.method !== null) await handyrep('proxy', 'init');
  await initPgbench(cluster);
  const loads = await Promise.all(
    Object.entries(clients).map(async ([name, argv]) => ({ name, load: await startClients(cluster, argv) })),
  );
  const begins: number[] = [];
  try {
    for (let n = 0; n < ROUNDS; n++) {
      await sleep(CALM_MS);
      begins.push(Date.now());
      await handyrep('--yes', 'failover', '--to', n % 2 === 0 ? 'db2' : 'db1');
    }
    const over = Date.now();
    await Promise.all(loads.map(({ load }) => load.servedSince(over)));
  } finally {
    await Promise.all(loads.map(({ load }) => load.stop()));
  }
  for (const { name, load } of loads) {
    const { successes, broken, refused, said } = await load.stop();
    const longest = Math.max(0, ...successes.map(({ took }) => took));
    process.stdout.write(
      `${spread(name, outages(successes, begins)).line}\n` +
        `  ${successes.length.toString()} transactions, ${broken.toString()} failed with their session, ${refused.toString()} attempts to connect again failed; the slowest that succeeded took ${longest.toFixed(0)} ms\n`,
    );
    if (broken + refused > 0 && !errors_allowed) throw new Error(`a promise was broken: ${said.join('; ')}`);
  }
  await handyrep('verify');
}

function behind(port: number): readonly string[] {
  return ['-h', '127.0.0.1', '-p', port.toString(), '-U', 'postgres', 'postgres'];
}

async function withWay(file: string, { method, servers, plugins }: Setup['config']): Promise<string> {
  const written = parse(await readFile(file, 'utf8')) as Record<string, Record<string, unknown>>;
  const failover = { ...written['failover'], connection_failover_method: method };
  const all = { ...written, failover, servers: { ...written['servers'], ...servers }, plugins };
  await writeFile(file, stringify(all));
  return file;
}
