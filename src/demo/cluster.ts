import { execFile } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { HandyRepError } from '../core/outcome.js';
import { FOLDER_PREFIX, removeCluster, sweepAbandoned, writeOwner } from './abandoned.js';
import type { Binaries } from './binaries.js';
import { cleanAtExit, forgetAtExit } from './cleanup.js';
import { giveTo, serverUser, type OsUser } from './os-user.js';
import { giveBackPorts, isFree, takePorts } from './ports.js';
import { waitGone } from './processes.js';
import { demoServer, type DemoServer } from './server.js';
import { conninfo, hbaLines, passwordStatement, settingLines, slotFor, type Settings } from './settings.js';
import { ROLES } from './roles.js';
import { buildTemplate, template } from './template.js';

const run = promisify(execFile);

/** What to build. Every field but the binaries may be left out. */
export interface ClusterOptions {
  readonly binaries: Binaries;
  /** Default 2. Servers are called db1 (the master), db2, db3... */
  readonly replicas?: number;
  /** Fixed ports, one a server, the master's first; default: free ones are found. */
  readonly ports?: readonly number[];
  /** More settings for postgresql.conf of every server. */
  readonly settings?: Settings;
  /** More settings for single servers, by name. */
  readonly server_settings?: Readonly<Record<string, Settings>>;
  /** An empty or new folder to build in, removed by `destroy`; default: a new one among the temporary files. */
  readonly folder?: string;
  /** With a password TCP connections need it (SCRAM), for every role; without one they are trusted. */
  readonly password?: string;
  /** A system identifier of its own; else it shares one with the other clusters of this process, which is faster. */
  readonly fresh?: boolean;
}

/** A throwaway cluster on 127.0.0.1. */
export interface DemoCluster {
  readonly folder: string;
  readonly binaries: Binaries;
  /** Who the servers run as; null: ourselves. */
  readonly os_user: string | null;
  readonly roles: typeof ROLES;
  /** A .pgpass with every role's password, for the servers' OS user; null without passwords. */
  readonly passfile: string | null;
  /** The one that was built as master first. */
  readonly servers: readonly [DemoServer, ...DemoServer[]];
  readonly master: DemoServer;
  readonly replicas: readonly DemoServer[];
  /** By name; throws for a name that does not exist. */
  server(name: string): DemoServer;
  /** Ends every server and removes the folder. Never throws; may be called again. */
  destroy(): Promise<void>;
}

interface Site {
  readonly options: ClusterOptions;
  readonly folder: string;
  readonly user: OsUser | null;
  readonly ports: readonly number[];
  readonly passfile: string | null;
}

/** Builds a cluster and waits until every replica streams. Throws {@link HandyRepError}, leaving nothing behind. */
export async function createCluster(options: ClusterOptions): Promise<DemoCluster> {
  sweepAbandoned();
  for (let attempt = 1; ; attempt++) {
    const count = 1 + (options.replicas ?? 2);
    const ports = options.ports ?? (await takePorts(count));
    if (ports.length !== count)
      throw new HandyRepError({ code: 'usage', message: `${count.toString()} ports are needed` });
    const made = await tryCluster(options, ports);
    if (!(made instanceof Error)) return made;
    const clash = !(await Promise.all(ports.map(isFree))).every(Boolean);
    if (!clash || options.ports !== undefined || attempt >= 5) throw made;
  }
}

async function tryCluster(options: ClusterOptions, ports: readonly number[]): Promise<DemoCluster | Error> {
  const user = await serverUser();
  const folder = await makeFolder(options, user);
  const passfile = options.password === undefined ? null : join(folder, 'pgpass');
  const site: Site = { options, folder, user, ports, passfile };
  try {
    const servers = await buildServers(site);
    await startAll(site, servers);
    return handle(site, servers);
  } catch (error) {
    discard(site);
    return error instanceof Error ? error : new Error(String(error));
  }
}

async function makeFolder(options: ClusterOptions, user: OsUser | null): Promise<string> {
  if (options.folder !== undefined) await claimFolder(options.folder);
  const folder = realpathSync(options.folder ?? (await mkdtemp(join(tmpdir(), FOLDER_PREFIX))));
  cleanAtExit(folder);
  writeOwner(folder);
  await giveTo(user, folder);
  return folder;
}

/** The folder is removed in the end, so it must not hold anything of somebody else's. */
async function claimFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  if ((await readdir(folder)).length === 0) return;
  throw new HandyRepError({ code: 'unsafe', message: `${folder} is not empty`, hint: 'name an empty or a new folder' });
}

async function buildServers(site: Site): Promise<[DemoServer, ...DemoServer[]]> {
  const { options, folder, user } = site;
  const { binaries } = options;
  const source = options.fresh === true ? await buildTemplate(binaries, user, folder) : await template(binaries, user);
  if (site.passfile !== null) await writePassfile(site, site.passfile);
  const [first, ...rest] = await Promise.all(site.ports.map((_, index) => buildServer(site, source, index)));
  if (first === undefined) throw new Error('a cluster has at least one server');
  return [first, ...rest];
}

/** A replica is a cold copy of the directory that the master begins with. */
async function buildServer(site: Site, source: string, index: number): Promise<DemoServer> {
  const { options, folder, user, ports } = site;
  const name = `db${(index + 1).toString()}`;
  const pgdata = join(folder, name);
  const log_file = join(folder, `${name}.log`);
  await run('cp', ['-a', '--reflink=auto', source, pgdata]);
  await writeFile(log_file, '');
  await giveTo(user, log_file);
  const own: Settings = {
    port: (ports[index] ?? 0).toString(),
    cluster_name: name,
    unix_socket_directories: folder,
    ...options.settings,
    ...options.server_settings?.[name],
  };
  await appendFile(join(pgdata, 'postgresql.conf'), settingLines(own));
  await writeFile(join(pgdata, 'pg_hba.conf'), hbaLines(options.password === undefined ? 'trust' : 'scram-sha-256'));
  if (index > 0) await makeReplica(site, name, pgdata);
  return demoServer({
    name,
    port: ports[index] ?? 0,
    pgdata,
    log_file,
    socket_dir: folder,
    binaries: options.binaries,
    user,
  });
}

async function makeReplica(site: Site, name: string, pgdata: string): Promise<void> {
  const signalFile = join(pgdata, 'standby.signal');
  await writeFile(signalFile, '');
  await giveTo(site.user, signalFile);
  const upstream = { port: site.ports[0] ?? 0, application_name: name, passfile: site.passfile };
  await appendFile(
    join(pgdata, 'postgresql.auto.conf'),
    settingLines({ primary_conninfo: conninfo(upstream), primary_slot_name: slotFor(name) }),
  );
}

async function writePassfile(site: Site, path: string): Promise<void> {
  const password = (site.options.password ?? '').replaceAll(/[\\:]/g, '\\$&');
  await writeFile(path, `*:*:*:*:${password}\n`, { mode: 0o600 });
  await giveTo(site.user, path);
}

async function startAll(site: Site, servers: readonly [DemoServer, ...DemoServer[]]): Promise<void> {
  const [master, ...replicas] = servers;
  await master.start();
  for (const replica of replicas) {
    await master.sql('SELECT pg_create_physical_replication_slot($1, true)', [slotFor(replica.name)]);
  }
  const password = site.options.password;
  if (password !== undefined) {
    for (const role of Object.values(ROLES)) await master.sql(passwordStatement(role, password));
  }
  await Promise.all(replicas.map((replica) => replica.start()));
  await waitStreaming(master, replicas, 30_000);
}

/** Waits until a master shows every one of these replicas as streaming; throws at the deadline. */
export async function waitStreaming(
  master: DemoServer,
  replicas: readonly DemoServer[],
  deadline_ms: number,
): Promise<void> {
  const until = performance.now() + deadline_ms;
  for (;;) {
    const rows = await master.sql("SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'");
    const streaming = new Set(rows.map((row) => row['application_name']));
    const missing = replicas.filter((replica) => !streaming.has(replica.name));
    if (missing.length === 0) return;
    if (performance.now() > until) {
      const names = missing.map((replica) => replica.name).join(', ');
      throw new HandyRepError({ code: 'command_timeout', message: `not streaming from ${master.name}: ${names}` });
    }
    await sleep(20);
  }
}

function handle(site: Site, servers: readonly [DemoServer, ...DemoServer[]]): DemoCluster {
  const [master, ...replicas] = servers;
  return {
    folder: site.folder,
    binaries: site.options.binaries,
    os_user: site.user?.name ?? null,
    roles: ROLES,
    passfile: site.passfile,
    servers,
    master,
    replicas,
    server: (name) => {
      const found = servers.find((server) => server.name === name);
      if (found === undefined) throw new HandyRepError({ code: 'unknown_server', message: `no server ${name}` });
      return found;
    },
    destroy: async () => {
      await waitGone(discard(site), 5000);
    },
  };
}

function discard(site: Site): number[] {
  const killed = removeCluster(site.folder);
  forgetAtExit(site.folder);
  if (site.options.ports === undefined) giveBackPorts(site.ports);
  return killed;
}
