import { mkdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { DemoCluster } from './cluster.js';

/** Writes the configuration that HandyRep needs for a throwaway cluster, into the cluster's own folder; its path. */
export async function writeConfig(cluster: DemoCluster): Promise<string> {
  const folder = join(cluster.folder, 'handyrep');
  const file = join(folder, 'handyrep.conf.yaml');
  await mkdir(folder);
  await writeFile(file, configText(cluster), { mode: 0o600 });
  return file;
}

/** JSON strings are YAML too. */
const text = JSON.stringify;

function configText(cluster: DemoCluster): string {
  const servers = cluster.servers.map((server) => {
    const role = server === cluster.master ? 'master' : 'replica';
    const address = `hostname: ${server.host}, port: ${server.port.toString()}`;
    return `  ${server.name}: { ${address}, pgdata: ${text(server.pgdata)}, role: ${role} }`;
  });
  return [
    'handyrep:',
    '  cluster_name: demo',
    `  postgres_os_user: ${text(cluster.os_user ?? userInfo().username)}`,
    `  postgres_superuser: ${cluster.roles.superuser}`,
    'failover:',
    '  auto_failover: true',
    'server_defaults:',
    '  connection: local',
    `  bin_dir: ${text(cluster.binaries.bin_dir)}`,
    'servers:',
    ...servers,
    '',
  ].join('\n');
}
