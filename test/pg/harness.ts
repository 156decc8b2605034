import { afterAll } from 'vitest';
import { findBinaries } from '../../src/demo/binaries.js';
import { createCluster, type ClusterOptions, type DemoCluster } from '../../src/demo/cluster.js';
import { startWriter, type Writer, type WriterOptions } from '../../src/demo/writer.js';

export { waitFor } from './wait.js';
export { lostWrites, WRITTEN_IDS } from '../../src/demo/writer.js';
export type { DemoCluster } from '../../src/demo/cluster.js';
export type { DemoServer } from '../../src/demo/server.js';

export type TestClusterOptions = Omit<ClusterOptions, 'binaries'>;

/** A cluster that is destroyed when the test file ends. For `beforeAll`: give the hook a time-out of a minute. */
export async function startCluster(options: TestClusterOptions = {}): Promise<DemoCluster> {
  const cluster = await newCluster(options);
  running.add(cluster);
  return cluster;
}

/** A cluster for the time of one callback. */
export async function withCluster<T>(
  options: TestClusterOptions,
  use: (cluster: DemoCluster) => Promise<T>,
): Promise<T> {
  const cluster = await newCluster(options);
  try {
    return await use(cluster);
  } finally {
    await cluster.destroy();
  }
}

/** A writer that finds the writable server of a cluster by itself; stopped when the test file ends. */
export async function startClusterWriter(cluster: DemoCluster, options: Partial<WriterOptions> = {}): Promise<Writer> {
  const hosts = cluster.servers.map(({ host, port }) => ({ host, port }));
  const writer = await startWriter({ hosts, user: cluster.roles.app, ...options });
  writers.add(writer);
  return writer;
}

const running = new Set<DemoCluster>();
const writers = new Set<Writer>();

afterAll(async () => {
  await Promise.all([...writers].map((writer) => writer.stop()));
  await Promise.all([...running].map((cluster) => cluster.destroy()));
  writers.clear();
  running.clear();
}, 60_000);

async function newCluster(options: TestClusterOptions): Promise<DemoCluster> {
  const binaries = await findBinaries();
  if (!binaries.ok) throw new Error(binaries.error.message);
  return createCluster({ ...options, binaries: binaries.value });
}
