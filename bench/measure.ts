import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The built command. */
export const BIN = fileURLToPath(new URL('../dist/bin/handyrep.js', import.meta.url));
const DEADLINE_MS = 120_000;

/** Runs a program to its end; its output, or an error that holds it. */
export function run(
  program: string,
  argv: readonly string[],
  { env = process.env }: { readonly env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, [...argv], { env, timeout: DEADLINE_MS, maxBuffer: 1e9 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${program} ${argv.join(' ')}: ${stdout}${stderr}`, { cause: error }));
    });
  });
}

/** Runs the built command with a configuration. */
export function handyrep(config: string, ...argv: readonly string[]): Promise<string> {
  return run(process.execPath, [BIN, '-c', config, ...argv]);
}

/** A run of the built command that goes on beside what is measured. */
export interface Watching {
  /** Tells it to end, and waits for it; it finishes what it has begun. */
  stop(): Promise<void>;
}

/** Starts the built command with a configuration, and does not wait for it. */
export function watch(config: string, ...argv: readonly string[]): Watching {
  const child = spawn(process.execPath, [BIN, '-c', config, ...argv], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    stop: async () => {
      child.kill('SIGINT');
      const timer = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** Milliseconds that something takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** What one run of a program cost: milliseconds, and MB at its peak. Programs that it started are in the processor time. */
export interface Cost {
  readonly wall: number;
  readonly cpu: number;
  readonly memory: number;
}

/** bash tells milliseconds, as the kernel counted them for the program and its children; /proc has hundredths. */
const TIMED = 'TIMEFORMAT="%R %U %S"; { time "$@" >"$0" 2>&1; } 2>&1';

/** Tells at the end of a Node process how much memory it had. */
const PEAK = `process.on('exit', () => require('node:fs').writeSync(3, String(process.resourceUsage().maxRSS)));`;

/** Measures runs of Node programs. */
export interface Scales {
  /** One run that counts, and another for its memory, which is told from inside. Throws when it does not end well. */
  weigh(argv: readonly string[]): Promise<Cost>;
  remove(): Promise<void>;
}

export async function openScales(): Promise<Scales> {
  const folder = await mkdtemp(join(tmpdir(), 'handyrep-scales-'));
  const [preload, said] = [join(folder, 'peak.cjs'), join(folder, 'said')];
  await writeFile(preload, PEAK);
  const kilobytes = async (argv: readonly string[]): Promise<number> => {
    const script = '"$@" 3>&1 >/dev/null 2>&1';
    return Number(await run('bash', ['-c', script, 'bash', process.execPath, '--require', preload, ...argv]));
  };
  return {
    weigh: async (argv) => {
      const times = await timesOf(said, argv);
      return { ...times, memory: (await kilobytes(argv)) / 1024 };
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** `said`: a file for what the program says. */
async function timesOf(said: string, argv: readonly string[]): Promise<Pick<Cost, 'wall' | 'cpu'>> {
  const times = await run('bash', ['-c', TIMED, said, process.execPath, ...argv]).catch(async (error: unknown) => {
    throw new Error(`${argv.join(' ')}: ${await readFile(said, 'utf8')}`, { cause: error });
  });
  const [wall = Number.NaN, user = Number.NaN, system = Number.NaN] = times.trim().split(' ').map(Number);
  return { wall: wall * 1000, cpu: (user + system) * 1000 };
}
