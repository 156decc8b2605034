import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DemoCluster } from '../../src/demo/cluster.js';
import type { DemoServer } from '../../src/demo/server.js';
import { type Ack, type Writer, lostWrites, startWriter, WRITTEN_IDS } from '../../src/demo/writer.js';
import { waitFor } from '../../test/pg/wait.js';
import { withCluster } from '../clusters.js';
import { RUNS, SWITCHOVERS } from '../counts.js';
import type { Findings } from '../figures.js';
import { handyrep, run } from '../measure.js';

const CALM_MS = 700;
const DEADLINE_MS = 60_000;
const FLOOR = 'CHECKPOINT, fast stop, pg_promote() by hand';

/**
 * There and back on one cluster with `handyrep failover`; by hand on clusters of their own. Fails when an acknowledged row is
 * missing or a server does not stream.
 */
export async function switchover(): Promise<Findings> {
  const floors: number[] = [];
  for (let n = 0; n < RUNS; n++) floors.push(await withCluster({}, (cluster) => byHand(cluster)));
  const { outages, kept } = await withCluster({}, thereAndBack);
  return {
    figures: [
      { name: FLOOR, unit: 'ms', values: floors },
      {
        name: `handyrep failover, ${SWITCHOVERS} times there and back`,
        unit: 'ms',
        values: outages,
        against: FLOOR,
        aim: { of: 'ratio', at_most: 2 },
      },
    ],
    notes: [kept],
  };
}

/** The floor: what PostgreSQL itself needs, asked without a pause in between. */
async function byHand(cluster: DemoCluster): Promise<number> {
  return underLoad(cluster, async (writer) => {
    const [old, next] = [cluster.master, cluster.server('db2')];
    await Promise.all([old.sql('CHECKPOINT'), next.sql('CHECKPOINT')]);
    await old.stop('fast');
    await next.sql('SELECT pg_promote()', [], { timeout: DEADLINE_MS });
    await writesOn(writer, next);
    return handovers(writer.acks)[0] ?? Number.NaN;
  });
}

async function thereAndBack(
  cluster: DemoCluster,
  config: string,
): Promise<{ readonly outages: readonly number[]; readonly kept: string }> {
  await handyrep(config, 'verify');
  return underLoad(cluster, async (writer, load) => {
    for (let n = 0; n < SWITCHOVERS; n++) {
      await sleep(CALM_MS);
      const to = n % 2 === 0 ? 'db2' : 'db1';
      await handyrep(config, '--yes', 'failover', '--to', to);
      await writesOn(writer, cluster.server(to));
    }
    await sleep(CALM_MS);
    await writer.stop();
    await load.stop();
    const kept = await expectNothingLost(cluster, writer.acks, load);
    await handyrep(config, 'verify');
    return { outages: handovers(writer.acks), kept };
  });
}

async function underLoad<T>(cluster: DemoCluster, work: (writer: Writer, load: Load) => Promise<T>): Promise<T> {
  await run(join(cluster.binaries.bin_dir, 'pgbench'), ['-i', '-q', '-s', '5', ...socketOf(cluster.master)]);
  const hosts = cluster.servers.map(({ host, port }) => ({ host, port }));
  const writer = await startWriter({ hosts, user: cluster.roles.app });
  const load = await startPgbench(cluster);
  try {
    await sleep(CALM_MS);
    return await work(writer, load);
  } finally {
    await load.stop();
    await writer.stop();
  }
}

async function writesOn({ acks }: Writer, { name, port }: DemoServer): Promise<void> {
  await waitFor(() => acks.at(-1)?.port === port, { deadline: DEADLINE_MS, what: `writes on ${name}`, every: 2 });
}

/** Throws when something is; else says what is there. */
async function expectNothingLost(cluster: DemoCluster, acks: readonly Ack[], load: Load): Promise<string> {
  const master = cluster.server(SWITCHOVERS % 2 === 0 ? 'db1' : 'db2');
  const lost = lostWrites(acks, await master.sql(WRITTEN_IDS));
  const [row] = await master.sql('SELECT count(*) AS rows FROM pgbench_history');
  const committed = await load.committed();
  const rows = Number(row?.['rows']);
  const streaming = await master.sql(`SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'`);
  const said = `a writer had ${acks.length} writes acknowledged, ${lost.length} of them are missing; pgbench had ${committed}, ${rows} are there; ${streaming.length} replicas stream in the end`;
  if (lost.length > 0 || rows < committed || streaming.length !== 2) throw new Error(`a promise was broken: ${said}`);
  return said;
}

/** Milliseconds from the last write on one server to the first on the next. */
function handovers(acks: readonly Ack[]): number[] {
  return acks.flatMap((ack, index) => {
    const before = acks[index - 1];
    return before === undefined || before.port === ack.port ? [] : [ack.at - before.at];
  });
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
