import { execFile, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { processTree } from '../../src/demo/processes.js';

/** What of a host a command is run in. */
export type Namespace = 'net' | 'mount' | 'pid' | 'ipc' | 'uts';

export interface Done {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** The argument list that runs a command in namespaces of a process; with `mount` in its root folder too. */
export function enter(pid: number, namespaces: readonly Namespace[], argv: readonly string[]): [string, ...string[]] {
  const own = namespaces.map((one) => `--${one}`);
  const root = namespaces.includes('mount') ? ['--root', '--wd'] : [];
  return ['nsenter', '--target', pid.toString(), ...own, ...root, '--', ...argv];
}

/** Runs a program to its end; whatever it came to is an answer. Killed at the time-out (milliseconds). */
export function run(argv: readonly string[], timeout = 30_000, input?: string): Promise<Done> {
  const [program = '', ...args] = argv;
  return new Promise((resolve) => {
    const child = execFile(
      program,
      args,
      { timeout, killSignal: 'SIGKILL', maxBuffer: 64 << 20 },
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : (error.code ?? error.signal ?? 'killed'), stdout, stderr });
      },
    );
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input ?? '');
  });
}

/** As {@link run}; throws what it said unless it exits with 0. Returns its output. */
export async function must(argv: readonly string[], timeout?: number, input?: string): Promise<string> {
  const done = await run(argv, timeout, input);
  if (done.code === 0) return done.stdout;
  throw new Error(`${argv.join(' ')}: ${done.code.toString()}: ${done.stderr.trim()} ${done.stdout.trim()}`);
}

/**
 * The first process of the PID namespace that a starting command makes, as this process sees it. `depth`: how many
 * namespaces below our own it is.
 */
export async function firstProcess(child: ChildProcess, depth: number, said: () => string): Promise<number> {
  const until = performance.now() + 10_000;
  const deep = namespacePids(process.pid).length + depth;
  for (;;) {
    const found = processTree(child.pid ?? -1).find((pid) => {
      const numbers = namespacePids(pid);
      return numbers.length === deep && numbers.at(-1) === 1;
    });
    if (found !== undefined) return found;
    if (child.exitCode !== null || performance.now() > until) throw new Error(`no namespace was made: ${said()}`);
    await sleep(5);
  }
}

/** The numbers that a process has, one for each PID namespace that sees it, the outermost first. */
function namespacePids(pid: number): number[] {
  try {
    const line = /^NSpid:(.*)$/m.exec(readFileSync(`/proc/${pid.toString()}/status`, 'utf8'))?.[1] ?? '';
    return line.trim().split(/\s+/).map(Number);
  } catch {
    return [];
  }
}
