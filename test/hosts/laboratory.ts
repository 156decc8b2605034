import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAbandoned, writeOwner } from '../../src/demo/abandoned.js';
import { waitGone } from '../../src/demo/processes.js';
import { createHost, type Host, type HostPlan } from './host.js';
import { enter, firstProcess, must, type Done, run } from './namespaces.js';

/**
 * Several hosts on one machine, each with its own network, processes, files and name, joined by a switch.
 *
 * All of it lives in namespaces below one process, whose standard input we hold: when this process ends, in whatever
 * way, the kernel ends every process of the laboratory, and with them networks, mounts and files (which are in memory).
 * Nothing of the machine's own network or files is touched.
 */
export interface Laboratory {
  /** Its folder among the temporary files, where its files are for its own processes only. */
  readonly folder: string;
  readonly hosts: readonly Host[];
  /** By name; throws for one that does not exist. */
  host(name: string): Host;
  /** Runs a program on the switch. */
  onSwitch(argv: readonly string[], input?: string): Promise<string>;
  /** Ends everything at once. May be called again. */
  destroy(): Promise<void>;
}

/** What a laboratory gives its hosts to be built with. */
export interface Site {
  /** The first process of the laboratory. */
  readonly pid: number;
  /** The laboratory's folder, as its processes see it and as we do. */
  readonly inside: string;
  readonly folder: string;
  onSwitch(argv: readonly string[], input?: string): Promise<string>;
  /** Runs a program among the laboratory's files. */
  onFiles(argv: readonly string[]): Promise<string>;
}

const PREFIX = 'handyrep-laboratory-';
const PROGRAMS = ['ip', 'nft', 'unshare', 'nsenter', 'sshd', 'sudo', 'cron', 'crontab', 'faketime', 'runuser', 'mount'];
const START = `
set -e
mount -t tmpfs -o mode=755 tmpfs "$1"
ip link set lo up
ip link add switch type bridge
ip link set switch up
echo ready
exec cat >/dev/null`;

const living = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

/** Why no laboratory can be made here, in a sentence; null when one can. */
export async function laboratoryProblem(): Promise<string | null> {
  if (process.platform !== 'linux') return 'a laboratory of hosts needs Linux';
  if (process.getuid?.() !== 0) return 'a laboratory of hosts needs root';
  const missing = PROGRAMS.filter((name) => !isInstalled(name));
  if (missing.length > 0) return `a laboratory of hosts needs ${missing.join(', ')}: npm test installs them with apt`;
  const attempt = `mount -t tmpfs tmpfs /mnt && mkdir /mnt/a /mnt/b /mnt/c &&
    mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/a,workdir=/mnt/b /mnt/c &&
    ip link add sw type bridge && ip link add name v1 type veth peer name v2 &&
    nft 'add table bridge t; add chain bridge t c { type filter hook forward priority 0; }'`;
  const flags = ['--net', '--mount', '--pid', '--ipc', '--uts', '--fork', '--propagation', 'private'];
  const done: Done = await run(['unshare', ...flags, 'sh', '-c', attempt]);
  return done.code === 0 ? null : `this kernel or container makes no hosts: ${done.stderr.trim()}`;
}

/** Makes the hosts, switched off. Throws, leaving nothing behind. */
export async function createLaboratory(plans: readonly HostPlan[]): Promise<Laboratory> {
  sweepAbandoned();
  const inside = realpathSync(mkdtempSync(join(tmpdir(), PREFIX)));
  writeOwner(inside);
  const { child, pid } = await startSite(inside);
  const destroy = async (): Promise<void> => {
    child.kill('SIGKILL');
    living.delete(child);
    await waitGone([pid], 10_000);
    rmSync(inside, { recursive: true, force: true });
  };
  const onSwitch: Site['onSwitch'] = (argv, input) => must(enter(pid, ['net'], argv), 30_000, input);
  const site: Site = {
    pid,
    inside,
    folder: `/proc/${pid.toString()}/root${inside}`,
    onSwitch,
    onFiles: (argv) => must(enter(pid, ['mount'], argv), 60_000),
  };
  try {
    const hosts = await Promise.all(plans.map((plan) => createHost(site, plan)));
    const host = (name: string): Host => {
      const found = hosts.find((one) => one.name === name);
      if (found === undefined) throw new Error(`the laboratory has no host ${name}`);
      return found;
    };
    return { folder: inside, hosts, host, onSwitch, destroy };
  } catch (error) {
    await destroy();
    throw error;
  }
}

async function startSite(inside: string): Promise<{ readonly child: ChildProcess; readonly pid: number }> {
  const flags = ['--net', '--mount', '--pid', '--ipc', '--uts', '--fork', '--kill-child', '--propagation', 'private'];
  const child = spawn('unshare', [...flags, 'sh', '-c', START, 'laboratory', inside], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  living.add(child);
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stdin.on('error', () => undefined);
  const ready = new Promise<boolean>((resolve) => {
    child.stdout.once('data', () => resolve(true));
    child.once('close', () => resolve(false));
  });
  const pid = await firstProcess(child, 1, () => said);
  if (await ready) return { child, pid };
  living.delete(child);
  rmSync(inside, { recursive: true, force: true });
  throw new Error(`the laboratory did not start: ${said}`);
}

/** A test run that was killed leaves an empty folder, and no more. */
function sweepAbandoned(): void {
  for (const name of readdirSync(tmpdir())) {
    const folder = join(tmpdir(), name);
    if (name.startsWith(PREFIX) && isAbandoned(folder)) rmSync(folder, { recursive: true, force: true });
  }
}

function isInstalled(name: string): boolean {
  return ['/usr/sbin', '/usr/bin', '/sbin', '/bin'].some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
