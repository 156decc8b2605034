import { execFile } from 'node:child_process';
import { appendFile, chown, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DemoCluster } from '../../src/demo/cluster.js';
import { runAs, serverUser } from '../../src/demo/os-user.js';
import { giveBackPorts, takePorts } from '../../src/demo/ports.js';
import { demoServer, type DemoServer } from '../../src/demo/server.js';
import { hbaLines, settingLines } from '../../src/demo/settings.js';
import { withCluster } from '../clusters.js';
import { CLONE_MB, RUNS } from '../counts.js';
import type { Findings } from '../figures.js';
import { handyrep, timed } from '../measure.js';

const DEADLINE_MS = 600_000;
const FLOOR = 'pg_basebackup alone, which starts nothing';

/**
 * `handyrep clone` until the new replica streams and has what the master writes, and pg_basebackup with the same options. They
 * take turns; both write everything out to the disk.
 */
export async function clone(): Promise<Findings> {
  const [port = 0] = await takePorts(1);
  try {
    return await withCluster({ replicas: 0 }, (cluster, config) => measure(cluster, config, port));
  } finally {
    giveBackPorts([port]);
  }
}

async function measure(cluster: DemoCluster, config: string, port: number): Promise<Findings> {
  await fill(cluster);
  const spare = await spareServer(cluster, port);
  await appendFile(config, `  db2: { hostname: 127.0.0.1, port: ${port}, pgdata: ${spare.pgdata}, role: replica }\n`);
  await handyrep(config, '--yes', 'init');
  const [alone, ours]: [number[], number[]] = [[], []];
  for (let run = 0; run < RUNS; run++) {
    await writtenOut(cluster);
    alone.push(await timed(() => basebackup(cluster)));
    await prepare(cluster, spare);
    await writtenOut(cluster);
    ours.push(await timed(() => handyrep(config, '--yes', 'clone', 'db2')));
    await forget(cluster, spare);
  }
  const seconds = (values: readonly number[]): readonly number[] => values.map((ms) => ms / 1000);
  return {
    figures: [
      { name: FLOOR, unit: 's', values: seconds(alone) },
      { name: 'handyrep clone', unit: 's', values: seconds(ours), against: FLOOR },
    ],
    notes: [`${await sizeOf(cluster)} MB are copied`],
  };
}

/** Rows that are not all alike. */
async function fill({ master }: DemoCluster): Promise<void> {
  const rows = Math.round((CLONE_MB * 1024 * 1024) / 1100);
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

async function spareServer({ folder, binaries: own }: DemoCluster, port: number): Promise<DemoServer> {
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
async function prepare({ folder, master }: DemoCluster, { pgdata, port }: DemoServer): Promise<void> {
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

/** What a copy left of an earlier time is removed, and everything is written out, before the clock starts. */
async function writtenOut({ folder }: DemoCluster): Promise<void> {
  await rm(join(folder, 'alone'), { recursive: true, force: true });
  await new Promise((resolve) => execFile('sync', resolve));
}

async function sizeOf({ master }: DemoCluster): Promise<number> {
  const [row] = await master.sql('SELECT sum(pg_database_size(oid))::bigint / 1024 / 1024 AS mb FROM pg_database');
  return Number(row?.['mb'] ?? 0);
}
