import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DemoCluster } from '../src/demo/cluster.js';
import { waitFor } from '../test/pg/wait.js';

/** A transaction that was acknowledged: when it was, by the clock of this host, and how long it took, milliseconds. */
export interface Success {
  readonly at: number;
  readonly took: number;
}

/** What the clients of one way came to. */
export interface Result {
  readonly successes: readonly Success[];
  /** Sessions that broke, each with the transaction that was under way. */
  readonly broken: number;
  /** Attempts to connect again that failed. */
  readonly refused: number;
  /** The last words of each that failed. */
  readonly said: readonly string[];
}

const CLIENTS = 4;
/** Transactions a second of each. */
const RATE = 50;
/** As long as an application waits before it connects again, milliseconds. */
const PAUSE_MS = 20;
const DEADLINE_MS = 60_000;

/**
 * Clients that keep their session for as long as it lives and connect again when it breaks: each is a pgbench of its own, which
 * ends with its session and is started again. Begun when each has had a success.
 */
export async function startClients(
  { binaries }: DemoCluster,
  connection: readonly string[],
): Promise<{ readonly servedSince: (at: number) => Promise<void>; readonly stop: () => Promise<Result> }> {
  const logs = await mkdtemp(join(tmpdir(), 'handyrep-clients-'));
  const over = new AbortController();
  const running = new Set<ChildProcess>();
  const said: string[] = [];
  let [broken, refused] = [0, 0];
  const once = async (prefix: string): Promise<void> => {
    const argv = ['-n', '-c', '1', '-T', '3600', '-R', RATE.toString(), '-l', '--log-prefix', join(logs, prefix)];
    const child = spawn(join(binaries.bin_dir, 'pgbench'), [...argv, ...connection], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    running.add(child);
    let text = '';
    child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
    await new Promise((resolve) => child.once('close', resolve));
    running.delete(child);
    if (over.signal.aborted) return;
    // "Client 0 aborted": it had a session; else it never got one.
    if (text.includes('aborted')) broken++;
    else refused++;
    said.push(text.trim().split('\n').at(-1) ?? '');
  };
  const loops = Array.from({ length: CLIENTS }, async (_, client) => {
    for (let n = 0; !over.signal.aborted; n++) {
      await once(`${client.toString()}-${n.toString()}`);
      await sleep(PAUSE_MS);
    }
  });
  const read = async (client: number): Promise<readonly Success[]> => {
    const names = (await readdir(logs)).filter((name) => name.startsWith(`${client.toString()}-`));
    const texts = await Promise.all(names.map((name) => readFile(join(logs, name), 'utf8')));
    return texts.flatMap(successesOf);
  };
  const everybody = Array.from({ length: CLIENTS }, (_, client) => client);
  const servedSince = async (at: number): Promise<void> => {
    const served = async (): Promise<boolean> => {
      const all = await Promise.all(everybody.map(read));
      return all.every((one) => one.some((success) => success.at > at));
    };
    // pgbench writes its log in blocks of a few seconds.
    await waitFor(async () => ((await served()) ? true : null), { deadline: DEADLINE_MS, what: 'every client' });
  };
  const end = async (): Promise<Result> => {
    over.abort();
    for (const child of running) child.kill('SIGINT');
    await Promise.all(loops);
    const successes = (await Promise.all(everybody.map(read))).flat().toSorted((a, b) => a.at - b.at);
    await rm(logs, { recursive: true, force: true });
    return { successes, broken, refused, said };
  };
  let ended: Promise<Result> | null = null;
  const stop = (): Promise<Result> => (ended ??= end());
  await servedSince(0).catch(async (error: unknown) => {
    await stop();
    throw new Error(`${String(error)}: ${said.join('; ')}`);
  });
  return { servedSince, stop };
}

/** "Per-Transaction Logging" of pgbench's page: client, transaction, microseconds, script, epoch, microseconds of it, lag. */
function successesOf(text: string): readonly Success[] {
  // The last line may be half written.
  const lines = text.split('\n').slice(0, -1);
  return lines.flatMap((line): Success[] => {
    const [, , time, , seconds, microseconds, lag] = line.split(' ').map((word) => Number(word));
    if (time === undefined || seconds === undefined || microseconds === undefined || lag === undefined) return [];
    // The time is from when it was due: one that waited for the one before it has not waited for a server.
    return [{ at: seconds * 1000 + microseconds / 1000, took: (time - lag) / 1000 }];
  });
}

/** The longest time without a success of anybody in each span that begins at one of these moments, milliseconds. */
export function outages(successes: readonly Success[], begins: readonly number[]): readonly number[] {
  return begins.map((begin, index) => {
    const end = begins[index + 1] ?? Number.POSITIVE_INFINITY;
    const gaps = successes.flatMap(({ at }, n) => {
      const before = successes[n - 1];
      return before === undefined || at < begin || before.at >= end ? [] : [at - before.at];
    });
    return Math.max(0, ...gaps);
  });
}
