import { execFile } from 'node:child_process';
import { appendFile, chown, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findBinaries } from '../src/demo/binaries.js';
import { createCluster, type DemoCluster } from '../src/demo/cluster.js';
import { writeConfig } from '../src/demo/demo-config.js';
import { runAs, serverUser } from '../src/demo/os-user.js';
import { giveBackPorts, takePorts } from '../src/demo/ports.js';
import { demoServer, type DemoServer } from '../src/demo/server.js';
import { hbaLines, settingLines } from '../src/demo/settings.js';

/**
 * How long `handyrep clone` takes until the new replica streams and has what the master writes, against pg_basebackup alone
 * with the same options, which starts nothing. They take turns; both write everything out to the disk.
 */
const BIN = fileURLToPath(new URL('../dist/bin/handyrep.js', import.meta.url));
const RUNS = Number(process.env['HANDYREP_BENCH_RUNS'] ?? 3);
const MEGABYTES = Number(process.env['HANDYREP_BENCH_MB'] ?? 1000);
const DEADLINE_MS = 600_000;

const binaries = await findBinaries();
if (!binaries.ok) throw new Error(binaries.error.message);
const [port = 0] = await takePorts(1);
const cluster = await createCluster({ binaries: binaries.value, replicas: 0 });
try {
  await fill(cluster);
  const config = await writeConfig(cluster);
  const spare = await spareServer(cluster);
  await appendFile(config, `  db2: { hostname: 127.0.0.1, port: ${port}, pgdata: ${spare.pgdata}, role: replica }\n`);
  await handyrep(config, 'init');
  const alone: number[] = [];
  const ours: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    alone.push(await timed(() => basebackup(cluster)));
    await prepare(cluster, spare);
    ours.push(await timed(() => handyrep(config, 'clone', 'db2')));
    await forget(cluster, spare);
  }
  print(await sizeOf(cluster), alone, ours);
} finally {
  await cluster.destroy();
  giveBackPorts([port]);
}

/** Rows that are not all alike. */
async function fill({ master }: DemoCluster): Promise<void> {
  const rows = Math.round((MEGABYTES * 1024 * 1024) / 1100);
  await master.sql('ALTER SYSTEM SET max_wal_size = $$4GB$$');
  await master.sql('SELECT pg_reload_conf()');
  await master.sql('CREATE TABLE filled (number int, text text)');
  // What is repeated would be compressed away.
  await master.sql('ALTER TABLE filled ALTER text SET STORAGE PLAIN');
  const insert = `INSERT INTO filled SELECT g, repeat(md5(g::text), 32) FROM generate_series(1, ${rows}) g`;
  await master.sql(insert, [], { timeout: DEADLINE_MS });
  await master.sql('VACUUM (FREEZE) filled', [], { timeout: DEADLINE_MS });
  await master.sql('CHECKPOINT', [], { timeout: DEADLINE_MS });
}

async function spareServer({ folder, binaries: own }: DemoCluster): Promise<DemoServer> {
  const pgdata = join(folder, 'db2');
  const log_file = join(folder, 'db2.log');
  return demoServer({
    name: 'db2',
    port,
    pgdata,
    log_file,
    socket_dir: folder,
    binaries: own,
    user: await serverUser(),
  });
}

/** An empty data directory with the configuration of its own. */
async function prepare({ folder, master }: DemoCluster, { pgdata }: DemoServer): Promise<void> {
  const { uid, gid } = await stat(master.pgdata);
  const settings = { port: String(port), listen_addresses: '127.0.0.1', unix_socket_directories: folder };
  const files = {
    'postgresql.conf': settingLines({ ...settings, dynamic_shared_memory_type: 'mmap' }),
    'pg_hba.conf': hbaLines('trust'),
  };
  await mkdir(pgdata, { mode: 0o700 });
  await chown(pgdata, uid, gid);
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(pgdata, name), text, { mode: 0o600 });
    await chown(join(pgdata, name), uid, gid);
  }
}

async function forget({ master }: DemoCluster, spare: DemoServer): Promise<void> {
  await spare.stop('immediate');
  await rm(spare.pgdata, { recursive: true });
  await master.sql(`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active`);
}

async function basebackup({ folder, master, binaries: own }: DemoCluster): Promise<void> {
  const target = join(folder, 'alone');
  const conninfo = `host=127.0.0.1 port=${master.port} user=replicator`;
  const argv = [
    join(own.bin_dir, 'pg_basebackup'),
    '-D',
    target,
    '-d',
    conninfo,
    '-X',
    'stream',
    '-c',
    'fast',
  ] as const;
  await runAs(await serverUser(), argv, { cwd: folder, timeout: DEADLINE_MS });
}

async function handyrep(config: string, ...argv: string[]): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    execFile(process.execPath, [BIN, '-c', config, '--yes', ...argv], { timeout: DEADLINE_MS }, (error, stdout) => {
      if (error === null) resolve();
      else reject(new Error(`handyrep ${argv.join(' ')}: ${stdout}`, { cause: error }));
    });
  });
}

/** Seconds; what it left of an earlier time is removed, and everything is written out, before the clock starts. */
async function timed(work: () => Promise<void>): Promise<number> {
  await rm(join(cluster.folder, 'alone'), { recursive: true, force: true });
  await new Promise((resolve) => execFile('sync', resolve));
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

async function sizeOf({ master }: DemoCluster): Promise<number> {
  const [row] = await master.sql('SELECT sum(pg_database_size(oid))::bigint / 1024 / 1024 AS mb FROM pg_database');
  return Number(row?.['mb'] ?? 0);
}

function print(megabytes: number, alone: readonly number[], ours: readonly number[]): void {
  const ratios = ours.map((seconds, run) => seconds / (alone[run] ?? Number.NaN));
  const rows = Object.entries({ 'pg_basebackup alone, s': alone, 'handyrep clone, s': ours, ratio: ratios });
  process.stdout.write(`a copy of ${megabytes} MB, ${RUNS} runs, PostgreSQL ${cluster.binaries.major}\n`);
  for (const row of [['', 'min', 'median', 'max'], ...rows.map(([name, all]) => [name, ...spread(all)])]) {
    process.stdout.write(`${row.map((text, at) => (at === 0 ? text.padEnd(26) : text.padStart(8))).join('')}\n`);
  }
}

function spread(all: readonly number[]): readonly string[] {
  const sorted = all.toSorted((a, b) => a - b);
  return [0, 0.5, 1].map((share) => (sorted[Math.round((sorted.length - 1) * share)] ?? 0).toFixed(2));
}
