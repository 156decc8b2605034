import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findBinaries } from '../../src/demo/binaries.js';
import { serverUser } from '../../src/demo/os-user.js';
import { ROLES } from '../../src/demo/roles.js';
import { conninfo, passwordStatement, settingLines, slotFor, type Settings } from '../../src/demo/settings.js';
import { template } from '../../src/demo/template.js';
import { waitFor } from '../pg/wait.js';
import { type Address, CONFIG, MANAGER, commonFiles, databaseHostFiles, managerFiles } from './disks.js';
import { DIST, PGDATA, type DiskFile, type Host, type HostPlan } from './host.js';
import { type KeyPair, newKey } from './keys.js';
import { createLaboratory, type Laboratory } from './laboratory.js';

/** What to build; everything may be left out. */
export interface HostClusterOptions {
  /** Default 2. */
  readonly replicas?: number;
  /** Each commit waits for one of the replicas. */
  readonly synchronous?: boolean;
  /** More settings for postgresql.conf of every server. */
  readonly settings?: Settings;
  /** The volume of the data directory of db1. */
  readonly volume_mb?: number;
  /** Sections of HandyRep's configuration. */
  readonly handyrep?: Readonly<Record<string, unknown>>;
  readonly failover?: Readonly<Record<string, unknown>>;
  readonly plugins?: Readonly<Record<string, unknown>>;
  readonly archive?: Readonly<Record<string, unknown>>;
  /** The management host runs cron. */
  readonly cron?: boolean;
}

/** A cluster as the README sets it up: a host for each server, a management host, and one for the clients. */
export interface HostCluster {
  readonly laboratory: Laboratory;
  readonly databases: readonly Host[];
  readonly manager: Host;
  readonly client: Host;
  readonly password: string;
  host(name: string): Host;
  destroy(): Promise<void>;
}

const PASSWORD = 'correct horse battery staple';
const CLIENT = 'client';
const NETWORK = '10.0.0';

/** Builds it, and waits until every replica streams and a first verify finds all well. */
export async function createHostCluster(options: HostClusterOptions = {}): Promise<HostCluster> {
  if (!existsSync(join(DIST, 'bin/handyrep.js'))) throw new Error('handyrep is not built: npm run build');
  const laboratory = await createLaboratory(await plans(options));
  const { host, destroy } = laboratory;
  const databases = databaseNames(options).map((name) => host(name));
  const cluster: HostCluster = {
    laboratory,
    databases,
    manager: host(MANAGER),
    client: host(CLIENT),
    password: PASSWORD,
    host,
    destroy,
  };
  try {
    await bringUp(cluster);
    return cluster;
  } catch (error) {
    await destroy();
    throw error;
  }
}

async function bringUp({ laboratory, databases, manager }: HostCluster): Promise<void> {
  const [master, ...replicas] = databases;
  if (master === undefined) throw new Error('a cluster has at least one server');
  const others = laboratory.hosts.filter((one) => !replicas.includes(one));
  await Promise.all(others.map((one) => one.powerOn()));
  await waitFor(() => master.sql('SELECT 1'), { deadline: 30_000, what: 'the master to start' });
  const first = [
    // Nobody is there yet whom a commit could wait for.
    'SET synchronous_commit = local',
    ...Object.values(ROLES).map((role) => passwordStatement(role, PASSWORD)),
    ...replicas.map(({ name }) => `SELECT pg_create_physical_replication_slot('${slotFor(name)}', true)`),
  ];
  const psql = async (statements: string): Promise<void> => {
    const options = { user: 'postgres', input: statements };
    await master.must(['psql', '-X', '-q', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1'], options);
  };
  await psql(first.join(';\n'));
  // Not before they find their slots: a replica without one looks again only after five seconds.
  await Promise.all(replicas.map((one) => one.powerOn()));
  await manager.must(['sh', '-c', 'handyrep -c "$1" init --print-sql >/tmp/init.sql', 'sh', CONFIG], HANDYREP);
  const statements = await manager.must(['cat', '/tmp/init.sql']);
  await waitStreaming(master, replicas.length);
  await psql(statements);
  const verified = await manager.run(['handyrep', '--json', '-c', CONFIG, 'verify'], HANDYREP);
  if (verified.code !== 0) throw new Error(`the first verify: ${verified.stdout}${verified.stderr}`);
}

/** Who runs HandyRep. */
const HANDYREP = { user: 'handyrep' } as const;

/** Waits until so many replicas stream from a server. */
export async function waitStreaming(master: Host, count: number): Promise<void> {
  await waitFor(
    async () => {
      const [row] = await master.sql("SELECT count(*) AS n FROM pg_stat_replication WHERE state = 'streaming'");
      return row?.['n'] === count.toString();
    },
    { deadline: 60_000, what: `${count.toString()} replicas to stream from ${master.name}`, every: 50 },
  );
}

function databaseNames({ replicas = 2 }: HostClusterOptions): string[] {
  return Array.from({ length: 1 + replicas }, (_, index) => `db${(index + 1).toString()}`);
}

async function plans(options: HostClusterOptions): Promise<HostPlan[]> {
  const binaries = await findBinaries();
  if (!binaries.ok) throw new Error(binaries.error.message);
  const user = await serverUser();
  if (user === null) throw new Error('hosts are made by root only');
  const source = await template(binaries.value, user);
  const names = databaseNames(options);
  const databases = names.map((name, index) => ({ name, address: `${NETWORK}.${(11 + index).toString()}` }));
  const manager = { name: MANAGER, address: `${NETWORK}.5` };
  const client = { name: CLIENT, address: `${NETWORK}.20` };
  const all = [...databases, manager, client];
  const common = commonFiles(all);
  const key = newKey('handyrep');
  const { bin_dir } = binaries.value;
  const built = databases.map((where): { readonly plan: HostPlan; readonly key: KeyPair } => {
    const hostKey = newKey(where.name);
    const files = databaseFiles(where, databases, options, source, user);
    const passfile = { path: '/var/lib/postgresql/.pgpass', text: PASSFILE, mode: 0o600, owner: user };
    const plan: HostPlan = {
      ...where,
      bin_dir,
      pgdata: source,
      volume_mb: where.name === 'db1' ? options.volume_mb : undefined,
      files: [...common, ...databaseHostFiles(hostKey, key, passfile), ...files],
      services: ['sshd', 'postgresql'],
    };
    return { plan, key: hostKey };
  });
  const known = built.map((one) => `${one.plan.name},${one.plan.address} ${one.key.open}\n`).join('');
  const config = configuration(databases, options);
  return [
    ...built.map((one) => one.plan),
    {
      ...manager,
      bin_dir,
      files: [...common, ...managerFiles(known, key, PASSFILE, config)],
      services: options.cron === true ? ['cron'] : [],
    },
    { ...client, bin_dir, files: common, services: [] },
  ];
}

/** The README's lines for .pgpass, which are the same on all hosts. */
const PASSFILE = ['postgres:handyrep', 'replication:replicator'].map((one) => `*:5432:${one}:${PASSWORD}\n`).join('');

function databaseFiles(
  { name }: Address,
  all: readonly Address[],
  options: HostClusterOptions,
  source: string,
  owner: { readonly uid: number; readonly gid: number },
): DiskFile[] {
  const own = (file: string, text: string): DiskFile => ({ path: `${PGDATA}/${file}`, text, mode: 0o600, owner });
  const [master, ...replicas] = all;
  const others = all.map((one) => one.name).filter((one) => one !== name);
  const settings: Settings = {
    listen_addresses: '*',
    cluster_name: name,
    unix_socket_directories: '/run/postgresql',
    // Each may become the master: each waits for any of the others.
    ...(options.synchronous === true ? { synchronous_standby_names: `ANY 1 (${others.join(', ')})` } : {}),
    ...options.settings,
  };
  const upstream = { host: master?.name ?? '', port: 5432, application_name: name, passfile: null };
  const following = settingLines({ primary_conninfo: conninfo(upstream), primary_slot_name: slotFor(name) });
  return [
    own('pg_hba.conf', HBA),
    own('postgresql.conf', readFileSync(join(source, 'postgresql.conf'), 'utf8') + settingLines(settings)),
    ...(replicas.some((one) => one.name === name)
      ? [own('postgresql.auto.conf', following), own('standby.signal', '')]
      : []),
  ];
}

const HBA = [
  'local all all trust',
  // The management host, and pg_rewind on the others.
  `host postgres handyrep ${NETWORK}.0/24 scram-sha-256`,
  `host replication replicator ${NETWORK}.0/24 scram-sha-256`,
  `host postgres app ${NETWORK}.0/24 scram-sha-256`,
  '',
].join('\n');

function configuration(databases: readonly Address[], options: HostClusterOptions): unknown {
  return {
    handyrep: {
      cluster_name: 'laboratory',
      server_file: '/var/lib/handyrep/servers.save',
      log_file: '/var/log/handyrep/handyrep.log',
      connect_timeout: '2s',
      ssh_timeout: '3s',
      ...options.handyrep,
    },
    failover: {
      auto_failover: true,
      fail_retries: 2,
      fail_retry_interval: '500ms',
      min_failover_interval: 0,
      ...options.failover,
    },
    plugins: options.plugins ?? {},
    ...(options.archive === undefined ? {} : { archive: options.archive }),
    server_defaults: { pgdata: PGDATA },
    servers: Object.fromEntries(
      databases.map(({ name }, index) => [name, { hostname: name, role: index === 0 ? 'master' : 'replica' }]),
    ),
  };
}
