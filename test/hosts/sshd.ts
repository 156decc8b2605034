import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { giveBackPorts, takePorts } from '../../src/demo/ports.js';
import { probeTcp } from './tcp.js';

/** A real sshd on 127.0.0.1 with keys of its own; nothing of this machine's ssh is used or changed. */
export interface TestSshd {
  readonly port: number;
  /** Who may log in: ourselves; as root also every other user of this machine. */
  readonly user: string;
  /** For `HANDYREP_SSH_CONFIG`. */
  readonly configFile: string;
  readonly keyFile: string;
  readonly knownHosts: string;
  readonly pid: number;
  /** What sshd said. */
  log(): string;
  /** Ends it and everything it serves. May be called again. */
  stop(): Promise<void>;
}

const living = new Set<() => void>();
process.once('exit', () => {
  for (const end of living) end();
});

/** Whether this machine has an sshd. */
export function hasSshd(): boolean {
  return findSshd() !== null;
}

/** Starts one and waits until it answers. Throws when it does not, with what it said. */
export async function startSshd(): Promise<TestSshd> {
  const program = findSshd();
  if (program === null) throw new Error('sshd is not installed');
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'handyrep-sshd-')));
  const [port = 0] = await takePorts(1);
  const user = userInfo().username;
  writeFiles(folder, port, user);
  const child = spawn(program, ['-D', '-e', '-f', join(folder, 'sshd_config')], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.once('error', (error) => (said += error.message));
  const end = endOf(child, folder, port);
  living.add(end);
  const server: TestSshd = {
    port,
    user,
    configFile: join(folder, 'ssh_config'),
    keyFile: join(folder, 'user_key'),
    knownHosts: join(folder, 'known_hosts'),
    pid: child.pid ?? -1,
    log: () => said,
    stop: async () => {
      end();
      living.delete(end);
      for (let tries = 0; child.exitCode === null && child.signalCode === null && tries < 200; tries++) await sleep(10);
    },
  };
  const until = performance.now() + 10_000;
  while (!(await probeTcp(port))) {
    if (child.exitCode !== null || performance.now() > until) {
      await server.stop();
      throw new Error(`sshd did not start: ${said}`);
    }
    await sleep(20);
  }
  return server;
}

/** Sessions live in process groups of their own, so they are found by their parents. */
function endOf(child: ChildProcess, folder: string, port: number): () => void {
  return () => {
    for (const pid of descendants(child.pid)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended by itself.
      }
    }
    rmSync(folder, { recursive: true, force: true });
    giveBackPorts([port]);
  };
}

function descendants(root: number | undefined): number[] {
  if (root === undefined) return [];
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
  const all = lines.map((line) => line.trim().split(/\s+/).map(Number));
  const found = [root];
  // The list grows while it is walked: children of children are found on the way.
  for (const one of found) {
    for (const [pid = 0, parent = 0] of all) if (parent === one) found.push(pid);
  }
  return found;
}

function writeFiles(folder: string, port: number, user: string): void {
  // sshd reads the keys as the user who logs in.
  chmodSync(folder, 0o755);
  const key = (name: string): void => {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', join(folder, name)]);
  };
  key('host_key');
  key('user_key');
  const file = (name: string, lines: readonly string[]): void => {
    writeFileSync(join(folder, name), `${lines.join('\n')}\n`, { mode: 0o644 });
  };
  file('authorized_keys', [readFileSync(join(folder, 'user_key.pub'), 'utf8').trim()]);
  const hostKey = readFileSync(join(folder, 'host_key.pub'), 'utf8').trim();
  file('known_hosts', [`[127.0.0.1]:${String(port)} ${hostKey}`, `[localhost]:${String(port)} ${hostKey}`]);
  file('sshd_config', [
    'ListenAddress 127.0.0.1',
    `Port ${String(port)}`,
    `HostKey ${join(folder, 'host_key')}`,
    `PidFile ${join(folder, 'sshd.pid')}`,
    `AuthorizedKeysFile ${join(folder, 'authorized_keys')}`,
    'StrictModes no',
    'PermitRootLogin prohibit-password',
    ...sshdSettings(),
  ]);
  file('ssh_config', [
    `User ${user}`,
    `IdentityFile ${join(folder, 'user_key')}`,
    'IdentitiesOnly yes',
    `UserKnownHostsFile ${join(folder, 'known_hosts')}`,
    'GlobalKnownHostsFile /dev/null',
    'UpdateHostKeys no',
  ]);
  // As root it separates privileges in a folder that the system's own start script would make.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
}

/** Lines of sshd_config that every sshd of the tests has. */
export function sshdSettings(): readonly string[] {
  return [
    // Without PAM, users whose password is locked (postgres) may not log in even by key.
    `UsePAM ${process.getuid?.() === 0 && existsSync('/etc/pam.d/sshd') ? 'yes' : 'no'}`,
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'MaxStartups 100',
    'MaxSessions 100',
    'PrintMotd no',
  ];
}

function findSshd(): string | null {
  for (const path of ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/sbin/sshd']) {
    try {
      return realpathSync(path);
    } catch {
      continue;
    }
  }
  return null;
}
