import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parse, stringify } from 'yaml';
import { type Binaries, findBinaries } from '../src/demo/binaries.js';
import { type ClusterOptions, type DemoCluster, createCluster } from '../src/demo/cluster.js';
import { writeConfig } from '../src/demo/demo-config.js';

/** Server programs of this machine. Throws where there are none. */
async function binaries(): Promise<Binaries> {
  const found = await findBinaries();
  if (!found.ok) throw new Error(found.error.message);
  return found.value;
}

/** Does something with a throwaway cluster and its configuration, and removes it whatever happens. */
export async function withCluster<T>(
  options: Omit<ClusterOptions, 'binaries'>,
  work: (cluster: DemoCluster, config: string) => Promise<T>,
): Promise<T> {
  const cluster = await createCluster({ ...options, binaries: await binaries() });
  try {
    return await work(cluster, await writeConfig(cluster));
  } finally {
    await cluster.destroy();
  }
}

/** A configuration as it is written: sections of keys. */
export type Written = Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;

/** Writes a changed configuration beside another one; its path. */
export async function changedConfig(
  file: string,
  name: string,
  change: (written: Written) => Written,
): Promise<string> {
  const changed = join(dirname(file), `${name}.conf.yaml`);
  await writeFile(changed, stringify(change(parse(await readFile(file, 'utf8')) as Written)), { mode: 0o600 });
  return changed;
}
