import { readFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { HandyRepError } from '../core/outcome.js';
import { readProcess } from '../state/process.js';
import type { Binaries } from './binaries.js';
import { runAs, type OsUser } from './os-user.js';
import { freezeTree, killProcesses, postmasterPid, processTree, signal, waitGone } from './processes.js';
import { runSql, type Row } from './sql.js';
import { ROLES } from './roles.js';

/** How a server is told to stop: its postmaster's signals ("Shutting Down the Server"). */
const STOP_SIGNAL = { smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' } as const;
export type StopMode = keyof typeof STOP_SIGNAL;

/** One server of a throwaway cluster, and what can be done to it. Times in milliseconds. */
export interface DemoServer {
  readonly name: string;
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly pgdata: string;
  /** Where it writes its messages. */
  readonly log_file: string;
  /** The folder of its Unix socket. */
  readonly socket_dir: string;
  /** The postmaster; null when it does not run. */
  pid(): number | null;
  isRunning(): boolean;
  start(): Promise<void>;
  stop(mode?: StopMode): Promise<void>;
  /** Kills the postmaster and all its children at once, and waits until none runs. Returns how many there were. */
  killTree(): Promise<number>;
  /**
   * Waits until a killed postmaster is not even a zombie any more: before that nobody can start the server again.
   * `start` does it by itself; this is for others who start it.
   */
  collected(): Promise<void>;
  /** Stops the whole tree from running on; connections stay open and get no answer. */
  freeze(): void;
  thaw(): void;
  /** As superuser over the Unix socket; values as text. */
  sql(text: string, params?: readonly unknown[], options?: { readonly timeout?: number }): Promise<Row[]>;
  log(): Promise<string>;
}

export interface ServerOptions {
  readonly name: string;
  readonly port: number;
  readonly pgdata: string;
  readonly log_file: string;
  readonly socket_dir: string;
  readonly binaries: Binaries;
  readonly user: OsUser | null;
}

/** A handle on a data directory that was already prepared; starts nothing. */
export function demoServer(options: ServerOptions): DemoServer {
  const { name, port, pgdata, log_file, socket_dir } = options;
  const pid = () => postmasterPid(pgdata);
  return {
    name,
    host: '127.0.0.1',
    port,
    pgdata,
    log_file,
    socket_dir,
    pid,
    isRunning: () => pid() !== null,
    start: () => startServer(options),
    stop: (mode = 'fast') => stopServer(options, mode),
    collected: () => waitCollected(options),
    killTree: () => killServer(options),
    freeze: () => {
      const root = pid();
      if (root !== null) freezeTree(root);
    },
    thaw: () => {
      thawServer(pgdata);
    },
    sql: (text, params = [], { timeout = 10_000 } = {}) =>
      runSql({ host: socket_dir, port, user: ROLES.superuser, database: 'postgres', timeout }, text, params),
    log: () => readFile(log_file, 'utf8').catch(() => ''),
  };
}

async function startServer(options: ServerOptions): Promise<void> {
  const { binaries, pgdata, log_file, user, socket_dir } = options;
  if (postmasterPid(pgdata) !== null) return;
  await waitCollected(options);
  const pg_ctl = join(binaries.bin_dir, 'pg_ctl');
  try {
    await runAs(user, [pg_ctl, 'start', '-w', '-s', '-t', '60', '-D', pgdata, '-l', log_file], {
      cwd: socket_dir,
      timeout: 90_000,
    });
  } catch (error) {
    const tail = (await readFile(log_file, 'utf8').catch(() => '')).trim().split('\n').slice(-5).join('\n');
    throw new HandyRepError({
      code: 'command_failed',
      message: `${options.name} did not start: ${error instanceof Error ? error.message : String(error)}\n${tail}`,
      server: options.name,
    });
  }
}

async function stopServer(options: ServerOptions, mode: StopMode): Promise<void> {
  const pid = postmasterPid(options.pgdata);
  if (pid === null) return;
  const tree = processTree(pid);
  signal(pid, STOP_SIGNAL[mode]);
  if (await waitGone(tree, 60_000)) return;
  throw new HandyRepError({
    code: 'command_timeout',
    message: `${options.name} did not stop (${mode}) within 60 s`,
    server: options.name,
  });
}

async function killServer(options: ServerOptions): Promise<number> {
  const pid = postmasterPid(options.pgdata);
  if (pid === null) return 0;
  const killed = killProcesses(pid);
  if (await waitGone(killed, 10_000)) return killed.length;
  throw new HandyRepError({
    code: 'command_timeout',
    message: `${options.name} outlived SIGKILL`,
    server: options.name,
  });
}

/** Wakes a frozen server; its children first, as the postmaster acts on what they tell it. */
function thawServer(pgdata: string): void {
  const pid = postmasterPid(pgdata);
  if (pid === null) return;
  for (const member of processTree(pid).reverse()) signal(member, 'SIGCONT');
}

/**
 * Waits until the kernel has forgotten a dead postmaster. Where the first process of a machine collects the dead slowly
 * (some containers), its number stays taken for seconds, and a new postmaster takes the old one for alive.
 */
async function waitCollected(options: ServerOptions): Promise<void> {
  const notes = [
    join(options.pgdata, 'postmaster.pid'),
    join(options.socket_dir, `.s.PGSQL.${options.port.toString()}.lock`),
  ];
  const until = performance.now() + 10_000;
  for (const note of notes) {
    const pid = Number((await readFile(note, 'utf8').catch(() => '')).split('\n', 1)[0]);
    if (pid <= 1) continue;
    while (readProcess(pid)?.state === 'Z') {
      if (performance.now() > until) return rm(note, { force: true });
      await sleep(20);
    }
  }
}

/** Stops a server by every means, without waiting for anything but the kernel. For the end of a throwaway cluster. */
export function endServer(pgdata: string): number[] {
  const pid = postmasterPid(pgdata);
  const killed = pid === null ? [] : killProcesses(pid);
  dropSharedMemory(pgdata);
  return killed;
}

/** A killed postmaster leaves its shared memory segment behind, and a machine has only 4096 of them. */
function dropSharedMemory(pgdata: string): void {
  try {
    const line = readFileSync(join(pgdata, 'postmaster.pid'), 'utf8').split('\n')[6] ?? '';
    const id = /^\s*\d+\s+(\d+)\s*$/.exec(line)?.[1];
    if (id !== undefined) execFileSync('ipcrm', ['-m', id], { stdio: 'ignore', timeout: 2000 });
  } catch {
    // The server was stopped cleanly, or ipcrm is not installed: at worst a few bytes stay until the next boot.
  }
}
