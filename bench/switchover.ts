import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Binaries, findBinaries } from '../src/demo/binaries.js';
import { createCluster, type DemoCluster } from '../src/demo/cluster.js';
import type { DemoServer } from '../src/demo/server.js';
import { writeConfig } from '../src/demo/demo-config.js';
import { type Ack, lostWrites, startWriter, WRITTEN_IDS } from '../src/demo/writer.js';
import { run, spread } from './measure.js';

/**
 * How long nobody can write during a planned switchover, while pgbench and a writer that counts its acknowledged rows run on:
 * there and back on one cluster with `handyrep failover`, and by hand with nothing but CHECKPOINT, a fast stop and pg_promote()
 * on clusters of their own in the same run. Ends with an error when an acknowledged row is missing or a server does not stream.
 */
const BIN = fileURLToPath(new URL('../dist/bin/handyrep.js', import.meta.url));
const ROUNDS = Number(process.env['HANDYREP_BENCH_SWITCHOVERS'] ?? 40);
const FLOORS = Number(process.env['HANDYREP_BENCH_RUNS'] ?? 5);
const CALM_MS = 700;
const DEADLINE_MS = 60_000;

const found = await findBinaries();
if (!found.ok) throw new Error(found.error.message);
const binaries = found.value;
const floors = [];
for (let n = 0; n < FLOORS; n++) floors.push(await byHand(binaries));
const outages = await thereAndBack(binaries);
const floor = spread('CHECKPOINT, fast stop, pg_promote() by hand', floors);
const ours = spread(`handyrep failover, ${ROUNDS.toString()} times there and back`, outages);
process.stdout.write(
  `write outage of a switchover, milliseconds, PostgreSQL ${binaries.major.toString()}: min, median, max\n`,
);
process.stdout.write(`${floor.line}\n${ours.line}\nratio of the medians: ${(ours.median / floor.median).toFixed(2)}\n`);

/** The floor: what PostgreSQL itself needs, asked without a pause in between. */
async function byHand({ bin_dir, major }: Binaries): Promise<number> {
  const cluster = await createCluster({ binaries: { bin_dir, major } });
  const writer = await startWriter({ hosts: addresses(cluster), user: cluster.roles.app });
  const load = await startPgbench(cluster);
  try {
    await sleep(CALM_MS);
    const [old, next] = [cluster.master, cluster.server('db2')];
    await Promise.all([old.sql('CHECKPOINT'), next.sql('CHECKPOINT')]);
    await old.stop('fast');
    await next.sql('SELECT pg_promote()', [], { timeout: DEADLINE_MS });
    await until(() => writer.acks.some(({ port }) => port === next.port), 'writes on the new master');
    return handovers(writer.acks)[0] ?? Number.NaN;
  } finally {
    await load.stop();
    await writer.stop();
    await cluster.destroy();
  }
}

async function thereAndBack(programs: Binaries): Promise<number[]> {
  const cluster = await createCluster({ binaries: programs });
  const config = await writeConfig(cluster);
  const handyrep = (...argv: string[]): Promise<string> => run(process.execPath, [BIN, '-c', config, ...argv]);
  await handyrep('verify');
  await run(join(programs.bin_dir, 'pgbench'), ['-i', '-q', '-s', '5', ...socketOf(cluster.master)]);
  const writer = await startWriter({ hosts: addresses(cluster), user: cluster.roles.app });
  const load = await startPgbench(cluster);
  try {
    for (let n = 0; n < ROUNDS; n++) {
      await sleep(CALM_MS);
      const to = n % 2 === 0 ? 'db2' : 'db1';
      await handyrep('--yes', 'failover', '--to', to);
      await until(() => writer.acks.at(-1)?.port === cluster.server(to).port, `writes on ${to}`);
    }
    await sleep(CALM_MS);
    await writer.stop();
    await load.stop();
    await expectNothingLost(cluster, writer.acks, load);
    await handyrep('verify');
    return handovers(writer.acks);
  } finally {
    await load.stop();
    await writer.stop();
    await cluster.destroy();
  }
}

async function expectNothingLost(cluster: DemoCluster, acks: readonly Ack[], load: Load): Promise<void> {
  const master = cluster.server(ROUNDS % 2 === 0 ? 'db1' : 'db2');
  const lost = lostWrites(acks, await master.sql(WRITTEN_IDS));
  const [row] = await master.sql('SELECT count(*) AS rows FROM pgbench_history');
  const committed = await load.committed();
  const rows = Number(row?.['rows']);
  const streaming = await master.sql(`SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'`);
  process.stdout.write(
    `writer: ${acks.length.toString()} acknowledged, ${lost.length.toString()} missing; pgbench: ${committed.toString()} acknowledged, ${rows.toString()} there; ${streaming.length.toString()} replicas stream\n`,
  );
  if (lost.length > 0 || rows < committed || streaming.length !== 2) throw new Error('a promise was broken');
}

/** Milliseconds from the last write on one server to the first on the next. */
function handovers(acks: readonly Ack[]): number[] {
  return acks.flatMap((ack, index) => {
    const before = acks[index - 1];
    return before === undefined || before.port === ack.port ? [] : [ack.at - before.at];
  });
}

function addresses(cluster: DemoCluster): { readonly host: string; readonly port: number }[] {
  return cluster.servers.map(({ host, port }) => ({ host, port }));
}

function socketOf(server: DemoServer): string[] {
  return ['-h', server.socket_dir, '-p', server.port.toString(), '-U', 'postgres', 'postgres'];
}

interface Load {
  /** Transactions whose end pgbench was told. */
  committed(): Promise<number>;
  stop(): Promise<void>;
}

/** pgbench, started again whenever its connections break, on whichever server takes writes. */
async function startPgbench(cluster: DemoCluster): Promise<Load> {
  const logs = await mkdtemp(join(tmpdir(), 'handyrep-bench-'));
  const hosts = cluster.servers.map(({ host }) => host).join(',');
  const ports = cluster.servers.map(({ port }) => port.toString()).join(',');
  const env = { ...process.env, PGTARGETSESSIONATTRS: 'read-write', PGCONNECT_TIMEOUT: '2' };
  const [first] = await cluster.master.sql(`SELECT to_regclass('pgbench_history') AS there`);
  const initialised = first?.['there'] !== null;
  if (!initialised)
    await run(join(cluster.binaries.bin_dir, 'pgbench'), ['-i', '-q', '-s', '5', ...socketOf(cluster.master)]);
  let running: ChildProcess | null = null;
  const over = new AbortController();
  const loop = (async () => {
    for (let n = 0; !over.signal.aborted; n++) {
      const argv = ['-n', '-c', '2', '-T', '3600', '-R', '200', '-l', '--log-prefix', join(logs, n.toString())];
      const child = spawn(
        join(cluster.binaries.bin_dir, 'pgbench'),
        [...argv, '-h', hosts, '-p', ports, '-U', 'postgres', 'postgres'],
        {
          stdio: 'ignore',
          env,
        },
      );
      running = child;
      await new Promise((resolve) => child.once('exit', resolve));
      await sleep(5);
    }
  })();
  return {
    committed: async () => {
      const names = await readdir(logs);
      const texts = await Promise.all(names.map((name) => readFile(join(logs, name), 'utf8')));
      await rm(logs, { recursive: true, force: true });
      return texts.reduce((sum, text) => sum + text.split('\n').length - 1, 0);
    },
    stop: async () => {
      over.abort();
      running?.kill('SIGINT');
      await loop;
    },
  };
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + DEADLINE_MS;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited in vain for ${what}`);
    await sleep(2);
  }
}
