import { spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { processTree, waitGone } from '../../src/demo/processes.js';
import { runSql, type Row } from '../../src/demo/sql.js';
import { waitFor } from '../pg/wait.js';
import type { Site } from './laboratory.js';
import { enter, firstProcess, must, run, type Done, type Namespace } from './namespaces.js';

/** A host to be made. */
export interface HostPlan {
  readonly name: string;
  readonly address: string;
  /** Files of its disk over those of this machine, by path. */
  readonly files: readonly DiskFile[];
  /** A stopped data directory that its PostgreSQL begins with. */
  readonly pgdata?: string | undefined;
  /** The size of the volume that the data directory is on; default: no limit. */
  readonly volume_mb?: number | undefined;
  /** What starts with the host. */
  readonly services: readonly ('sshd' | 'postgresql' | 'cron')[];
  /** The folder of PostgreSQL's programs. */
  readonly bin_dir: string;
}

/** A file of a host's disk; owned by root unless said otherwise. */
export interface DiskFile {
  readonly path: string;
  readonly text: string;
  readonly mode?: number;
  readonly owner?: { readonly uid: number; readonly gid: number };
}

export interface RunOptions {
  readonly user?: string;
  readonly timeout?: number;
  readonly input?: string;
}

/** A computer of the laboratory. */
export interface Host {
  readonly name: string;
  readonly address: string;
  /** The name of its end of the cable on the switch. */
  port(): string;
  isOn(): boolean;
  /** Starts it with the services that it has, and waits until its start is over. */
  powerOn(): Promise<void>;
  /** Off as if the cord were pulled: no packet leaves it, and every process is gone at once. Its disk stays. */
  powerOff(): Promise<void>;
  /** Runs a program on it to its end; whatever it came to is an answer. */
  run(argv: readonly string[], options?: RunOptions): Promise<Done>;
  /** As {@link run}; throws what was said unless it exits with 0. Returns the output. */
  must(argv: readonly string[], options?: RunOptions): Promise<string>;
  /** The argument list that runs a program of this machine in parts of the host. */
  enter(namespaces: readonly Namespace[], argv: readonly string[]): [string, ...string[]];
  /** Where a file of its disk, or of its memory while it is on, can be read and written from outside. */
  path(inside: string): string;
  write(file: DiskFile): void;
  /** Starts PostgreSQL as the host's start does it, without waiting until it is up. */
  startPostgres(): Promise<void>;
  /** Its processes with this name, as this machine numbers them. */
  pids(command: string): number[];
  /** The first process of PostgreSQL that shows itself with this word, as `startup` or `archiver`. */
  postgresProcess(word: string): number | null;
  /** As PostgreSQL's superuser, on the host itself. */
  sql(text: string, params?: readonly unknown[], timeout?: number): Promise<Row[]>;
}

export const PGDATA = '/var/lib/postgresql/15/main';
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const ALL: readonly Namespace[] = ['net', 'mount', 'pid', 'ipc', 'uts'];
const BOOT = readFileSync(join(import.meta.dirname, 'boot.sh'), 'utf8');
/** The built command, which is there on every host as /opt/handyrep. */
export const DIST = join(import.meta.dirname, '../../dist');

/** Makes the disk of a host, and leaves it switched off. */
export async function createHost(site: Site, plan: HostPlan): Promise<Host> {
  const { name, address } = plan;
  const folder = join(site.folder, name);
  for (const one of ['disk', 'work', 'root']) mkdirSync(join(folder, one), { recursive: true, mode: 0o755 });
  if (plan.pgdata !== undefined) await copyData(site, plan, plan.pgdata);
  const machine: Machine = { site, plan, pid: null, starts: 0 };
  const on = (): number => {
    if (machine.pid === null) throw new Error(`${name} is switched off`);
    return machine.pid;
  };
  const path = (inside: string): string => {
    if (machine.pid !== null) return `/proc/${machine.pid.toString()}/root${inside}`;
    return inside.startsWith(PGDATA)
      ? join(folder, 'pgdata', inside.slice(PGDATA.length))
      : join(folder, 'disk', inside);
  };
  const write: Host['write'] = (file) => writeDisk(path(file.path), file);
  for (const file of [...plan.files, ...bootFiles(plan)]) write(file);
  const as = (argv: readonly string[], { user = 'root' }: RunOptions): string[] =>
    enter(on(), ALL, ['runuser', '-u', user, '--', 'env', '-i', `HOME=${home(user)}`, `PATH=${PATH}`, ...argv]);
  const mustRun: Host['must'] = (argv, options = {}) => must(as(argv, options), options.timeout, options.input);
  const pg_start = [join(plan.bin_dir, 'pg_ctl'), 'start', '-W', '-s', '-D', PGDATA, '-l', `${PGDATA}/server.log`];
  return {
    name,
    address,
    port: () => cable(machine),
    isOn: () => machine.pid !== null,
    powerOn: () => powerOn(machine),
    powerOff: () => powerOff(machine),
    run: (argv, options = {}) => run(as(argv, options), options.timeout, options.input),
    must: mustRun,
    startPostgres: async () => {
      await mustRun(pg_start, { user: 'postgres' });
    },
    enter: (namespaces, argv) => enter(on(), namespaces, argv),
    path,
    write,
    pids: (command) => processTree(on()).filter((pid) => commandOf(pid) === command),
    postgresProcess: (word) =>
      processTree(on()).find((pid) => read(`/proc/${pid.toString()}/cmdline`).includes(`: ${word}`)) ?? null,
    sql: (text, params = [], timeout = 10_000) =>
      runSql(
        { host: path('/run/postgresql'), port: 5432, user: 'postgres', database: 'postgres', timeout },
        text,
        params,
      ),
  };
}

interface Machine {
  readonly site: Site;
  readonly plan: HostPlan;
  /** Its first process; null: it is off. */
  pid: number | null;
  starts: number;
}

/** A new one for each start: the kernel takes the old one down in its own time. */
function cable({ plan, starts }: Machine): string {
  return `${plan.name}-${starts.toString()}`;
}

async function copyData(site: Site, { name, volume_mb }: HostPlan, source: string): Promise<void> {
  const to = join(site.inside, name, 'pgdata');
  mkdirSync(join(site.folder, name, 'pgdata'));
  if (volume_mb !== undefined) await site.onFiles(['mount', '-t', 'tmpfs', '-o', `size=${volume_mb}m`, 'tmpfs', to]);
  await site.onFiles(['cp', '-a', `${source}/.`, to]);
}

function bootFiles({ name, address, services, bin_dir }: HostPlan): DiskFile[] {
  const last = Number(address.split('.').at(-1)).toString(16).padStart(2, '0');
  const facts = { NAME: name, ADDRESS: address, MAC: `02:00:0a:00:00:${last}`, BIN_DIR: bin_dir };
  const lines = Object.entries(facts).map(([key, value]) => `${key}=${value}\n`);
  return [
    { path: '/etc/laboratory/boot.sh', text: BOOT, mode: 0o755 },
    { path: '/etc/laboratory/host', text: lines.join('') },
    ...services.map((service) => ({ path: `/etc/laboratory/${service}`, text: '' })),
  ];
}

function writeDisk(path: string, { text, mode = 0o644, owner }: DiskFile): void {
  const folder = dirname(path);
  if (!existsSync(folder)) {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    if (owner !== undefined) chownSync(folder, owner.uid, owner.gid);
  }
  writeFileSync(path, text, { mode });
  chmodSync(path, mode);
  if (owner !== undefined) chownSync(path, owner.uid, owner.gid);
}

async function powerOn(machine: Machine): Promise<void> {
  const { site, plan } = machine;
  if (machine.pid !== null) return;
  machine.starts++;
  const folder = join(site.inside, plan.name);
  const unshared = [
    '--net',
    '--mount',
    '--pid',
    '--ipc',
    '--uts',
    '--fork',
    '--kill-child',
    '--propagation',
    'private',
  ];
  const start = ['unshare', ...unshared, 'bash', join(folder, 'disk/etc/laboratory/boot.sh'), folder, DIST];
  const [program, ...args] = enter(site.pid, ['pid', 'mount'], start);
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const pid = await firstProcess(child, 2, () => said);
  const name = cable(machine);
  await site.onSwitch(['ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', pid.toString()]);
  await site.onSwitch(['ip', 'link', 'set', name, 'master', 'switch', 'up']);
  await waitFor(() => existsSync(`/proc/${pid.toString()}/root/run/booted`), {
    deadline: 30_000,
    what: `${plan.name} to start`,
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}: ${said.trim()}`);
  });
  // Not before: until its start is far enough, its files are those of this machine.
  machine.pid = pid;
}

async function powerOff(machine: Machine): Promise<void> {
  const { pid, site } = machine;
  if (pid === null) return;
  // First of all, so that the dying processes say goodbye to nobody.
  await site.onSwitch(['ip', 'link', 'set', cable(machine), 'down']);
  process.kill(pid, 'SIGKILL');
  if (!(await waitGone([pid], 10_000))) throw new Error(`${machine.plan.name} outlived SIGKILL`);
  machine.pid = null;
}

function home(user: string): string {
  return user === 'root' ? '/root' : user === 'postgres' ? '/var/lib/postgresql' : `/home/${user}`;
}

function commandOf(pid: number): string {
  return read(`/proc/${pid.toString()}/comm`).trim();
}

/** Empty where the process has gone. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Removes a file of a host's disk or memory. */
export function removeFile(host: Host, inside: string): void {
  rmSync(host.path(inside), { force: true });
}
