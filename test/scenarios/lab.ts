import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile, mkdir } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { stringify } from 'yaml';
import { parseState } from '../../src/core/saved.js';
import type { SavedState } from '../../src/core/model.js';
import { openClient } from '../../src/demo/sql.js';
import { HandyRep, type CheckReport, type PollReport, type Report } from '../../src/index.js';
import type { DemoCluster } from '../pg/harness.js';

/** Anything of the configuration, by section; merged over what a lab needs. */
export interface LabOptions {
  readonly handyrep?: Readonly<Record<string, unknown>>;
  readonly passwords?: Readonly<Record<string, unknown>>;
  readonly failover?: Readonly<Record<string, unknown>>;
  readonly server_defaults?: Readonly<Record<string, unknown>>;
  /** More keys for single servers; whole definitions of servers that the cluster does not have. */
  readonly servers?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly extra_failover_commands?: Readonly<Record<string, unknown>>;
  readonly archive?: Readonly<Record<string, unknown>>;
  readonly plugins?: Readonly<Record<string, unknown>>;
  /** Plugins of the user's own, by file name. */
  readonly plugin_files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
}

/** A management host: a folder with a configuration for a throwaway cluster. */
export interface Lab {
  readonly dir: string;
  readonly config: string;
  readonly handyrep: HandyRep;
  /** Gives HandyRep's roles what `init --print-sql` prints, and nothing but that. */
  init(): Promise<void>;
  check(options?: { readonly dry_run?: boolean; readonly verify?: boolean }): Promise<CheckReport>;
  poll(...names: string[]): Promise<PollReport>;
  verify(...names: string[]): Promise<PollReport>;
  /** servers.save as it is now. */
  saved(): Promise<SavedState>;
  /** Opens the library anew, with changes to the configuration. */
  reconfigure(options: LabOptions): Promise<Lab>;
}

const folders = new Set<string>();
afterAll(async () => {
  await Promise.all([...folders].map((dir) => rm(dir, { recursive: true, force: true })));
});

/** A lab whose cluster is known and well, ready for what comes. */
export async function calmLab(cluster: DemoCluster, options: LabOptions = {}): Promise<Lab> {
  const lab = await createLab(cluster, options);
  await lab.init();
  await lab.verify();
  await lab.poll();
  return lab;
}

/** Whether a server is read only as a replica is. */
export async function recovering(server: DemoCluster['master']): Promise<boolean> {
  const [row] = await server.sql('SELECT pg_is_in_recovery() AS standby');
  return row?.['standby'] === 't';
}

/** Fast retries, so that a test does not wait for what it does not test. */
const FAILOVER = { auto_failover: true, fail_retries: 2, fail_retry_interval: '200ms', min_failover_interval: 0 };

export async function createLab(cluster: DemoCluster, options: LabOptions = {}): Promise<Lab> {
  const dir = await mkdtemp(join(tmpdir(), 'handyrep-lab-'));
  folders.add(dir);
  return openLab(cluster, dir, options);
}

async function openLab(cluster: DemoCluster, dir: string, options: LabOptions): Promise<Lab> {
  const config = join(dir, 'handyrep.conf.yaml');
  await writeFile(config, stringify(configuration(cluster, options)));
  await chmod(config, 0o600);
  await mkdir(join(dir, 'plugins'), { recursive: true });
  for (const [name, text] of Object.entries(options.plugin_files ?? {}))
    await writeFile(join(dir, 'plugins', name), text);
  const handyrep = await HandyRep.open(config, { env: { ...process.env, ...options.env } });
  return {
    dir,
    config,
    handyrep,
    init: () => leastPrivilege(cluster, handyrep),
    check: async (flags = {}) => whole(await handyrep.failoverCheck(flags)),
    poll: async (...names) => whole(await handyrep.poll(...names)),
    verify: async (...names) => whole(await handyrep.verify(...names)),
    saved: () => readSaved(dir),
    reconfigure: (more) => openLab(cluster, dir, merge(options, more)),
  };
}

/**
 * What an operator does with `init --print-sql`: the superuser runs it on the master's own host. All that the role had before is
 * taken away first, so that what is printed is all that it has.
 */
async function leastPrivilege(cluster: DemoCluster, handyrep: HandyRep): Promise<void> {
  const role = cluster.roles.handyrep_user;
  const groups = ['pg_monitor', ...(cluster.binaries.major < 15 ? [] : ['pg_checkpoint'])];
  const nothing = [
    `ALTER ROLE ${role} NOSUPERUSER NOREPLICATION NOCREATEROLE NOCREATEDB NOBYPASSRLS`,
    `REVOKE ${groups.join(', ')} FROM ${role}`,
    `DROP OWNED BY ${role}`,
  ];
  const { sql } = await handyrep.initSql();
  // psql's own words, which the server does not know.
  const printed = sql.split('\n').filter((line) => !line.startsWith('\\'));
  const client = openClient({
    host: cluster.master.socket_dir,
    port: cluster.master.port,
    user: cluster.roles.superuser,
    database: 'postgres',
    timeout: 30_000,
  });
  try {
    await client.connect();
    await client.query([...nothing, printed.join('\n')].join(';\n'));
  } finally {
    await client.end();
  }
}

/** Nobody is let in by this name: where grants can serve, HandyRep has no superuser. */
function superuserOf(cluster: DemoCluster): string {
  return cluster.binaries.major < 15 ? cluster.roles.superuser : 'nobody_is_superuser';
}

function merge(a: LabOptions, b: LabOptions): LabOptions {
  const sections = new Set([...Object.keys(a), ...Object.keys(b)]) as Set<keyof LabOptions>;
  return Object.fromEntries([...sections].map((key) => [key, { ...a[key], ...b[key] }]));
}

function configuration(cluster: DemoCluster, options: LabOptions): unknown {
  const own = cluster.os_user ?? userInfo().username;
  const servers = cluster.servers.map((server, index) => [
    server.name,
    {
      hostname: server.host,
      port: server.port,
      pgdata: server.pgdata,
      role: index === 0 ? 'master' : 'replica',
      ...options.servers?.[server.name],
    },
  ]);
  const known = new Set(cluster.servers.map((server) => server.name));
  const others = Object.fromEntries(Object.entries(options.servers ?? {}).filter(([name]) => !known.has(name)));
  return {
    handyrep: {
      cluster_name: 'lab',
      postgres_os_user: own,
      connect_timeout: '2s',
      postgres_superuser: superuserOf(cluster),
      ...options.handyrep,
    },
    ...(options.passwords === undefined ? {} : { passwords: options.passwords }),
    failover: { ...FAILOVER, ...options.failover },
    server_defaults: { connection: 'local', bin_dir: cluster.binaries.bin_dir, ...options.server_defaults },
    servers: Object.assign(Object.fromEntries(servers), others) as unknown,
    extra_failover_commands: options.extra_failover_commands ?? {},
    ...(options.archive === undefined ? {} : { archive: options.archive }),
    plugins: options.plugins ?? {},
  };
}

/** A report that is not a bare refusal; that one fails the test with its words. */
function whole<T extends Report>(report: T | Report): T {
  if (!('decision' in report)) throw new Error(`${String(report.exit_code)}: ${report.details}`);
  return report as T;
}

async function readSaved(dir: string): Promise<SavedState> {
  const parsed = parseState(await readFile(join(dir, 'servers.save'), 'utf8'));
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.value;
}

/** The command as a user runs it, in a process of its own. */
export function runCommand(
  lab: Pick<Lab, 'config'>,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number | string | null; readonly stdout: string; readonly stderr: string }> {
  const argv = ['--import', 'tsx', join(import.meta.dirname, '../../bin/handyrep.ts'), '-c', lab.config, ...args];
  return new Promise((resolve) => {
    execFile(process.execPath, argv, { timeout: 60_000, env: { ...process.env, ...env } }, (error, stdout, stderr) => {
      const code = error === null ? 0 : (error.code ?? error.signal ?? null);
      resolve({ code, stdout, stderr });
    });
  });
}
