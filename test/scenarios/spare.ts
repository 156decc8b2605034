import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { findBinaries } from '../../src/demo/binaries.js';
import { type DemoServer, demoServer } from '../../src/demo/server.js';
import { serverUser } from '../../src/demo/os-user.js';
import { giveBackPorts, takePorts } from '../../src/demo/ports.js';
import { hbaLines, settingLines } from '../../src/demo/settings.js';
import type { DemoCluster } from '../pg/harness.js';

/** A server that a cluster has a place for and no data yet: a folder with its own configuration. */
export interface Spare {
  readonly server: DemoServer;
  /** For `LabOptions.servers`. */
  readonly entry: Readonly<Record<string, unknown>>;
}

export interface SpareOptions {
  /** False: the data directory is not made either. */
  readonly configured?: boolean;
  readonly auth?: 'trust' | 'scram-sha-256';
}

const ports: number[] = [];
afterAll(() => {
  giveBackPorts(ports);
});

/** In the cluster's folder, so that it ends and is removed with the cluster. */
export async function spareServer(
  cluster: DemoCluster,
  name: string,
  { configured = true, auth = 'trust' }: SpareOptions = {},
): Promise<Spare> {
  const [port = 0] = await takePorts(1);
  ports.push(port);
  const pgdata = join(cluster.folder, name);
  const log_file = join(cluster.folder, `${name}.log`);
  if (configured) {
    ownFolder(cluster, pgdata);
    ownFile(cluster, join(pgdata, 'postgresql.conf'), spareSettings(cluster, name, port, log_file));
    ownFile(cluster, join(pgdata, 'pg_hba.conf'), hbaLines(auth));
  }
  const server = demoServer({
    name,
    port,
    pgdata,
    log_file,
    socket_dir: cluster.folder,
    binaries: cluster.binaries,
    user: await serverUser(),
  });
  return { server, entry: { hostname: '127.0.0.1', port, pgdata, role: 'replica' } };
}

export function spareSettings(cluster: DemoCluster, name: string, port: number, log_file: string): string {
  return settingLines({
    port: port.toString(),
    cluster_name: name,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: cluster.folder,
    dynamic_shared_memory_type: 'mmap',
    shared_buffers: '16MB',
    max_connections: '50',
    logging_collector: 'on',
    log_directory: cluster.folder,
    log_filename: log_file.slice(cluster.folder.length + 1),
  });
}

/** A folder of the servers' OS user. */
export function ownFolder(cluster: DemoCluster, path: string): void {
  mkdirSync(path, { mode: 0o700 });
  chownLike(cluster, path);
}

export function ownFile(cluster: DemoCluster, path: string, text: string): void {
  writeFileSync(path, text, { mode: 0o600 });
  chownLike(cluster, path);
}

function chownLike(cluster: DemoCluster, path: string): void {
  const { uid, gid } = statSync(cluster.master.pgdata);
  chownSync(path, uid, gid);
}

/** Whether a pg_basebackup is there that these servers can be copied with; server programs from npm come without one. */
export async function hasBasebackup(): Promise<boolean> {
  const binaries = await findBinaries();
  if (!binaries.ok) return false;
  const { bin_dir, major } = binaries.value;
  const candidates = [
    join(bin_dir, 'pg_basebackup'),
    `/usr/lib/postgresql/${major}/bin/pg_basebackup`,
    'pg_basebackup',
  ];
  return candidates.some((program) => {
    try {
      const said = execFileSync(program, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
      return Number(/\) (\d+)/.exec(said)?.[1] ?? 0) >= major;
    } catch {
      return false;
    }
  });
}
