import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { DemoCluster } from '../../src/demo/cluster.js';
import { waitFor } from '../pg/wait.js';

/** What a run of pgbench came to. */
export interface Bench {
  readonly transactions: number;
  /** Transactions that failed, and connections that were given up. */
  readonly failed: number;
  /** The longest that a client waited for one transaction, milliseconds. */
  readonly longest_wait: number;
  readonly said: string;
}

/** Its tables, made on the master past any proxy. */
export async function initPgbench({ binaries, master }: DemoCluster): Promise<void> {
  const where = ['-h', master.socket_dir, '-p', master.port.toString(), '-U', 'postgres', 'postgres'];
  await promisify(execFile)(join(binaries.bin_dir, 'pgbench'), ['-i', '-q', '-s', '2', ...where]);
}

/** Clients that go on until they are stopped; begun when the first transaction of theirs is done. */
export async function startPgbench(
  { binaries }: DemoCluster,
  connection: readonly string[],
): Promise<{ readonly stop: () => Promise<Bench> }> {
  const logs = await mkdtemp(join(tmpdir(), 'handyrep-pgbench-'));
  const argv = ['-n', '-c', '4', '-T', '600', '-R', '200', '-l', '--log-prefix', join(logs, 'log'), ...connection];
  const child = spawn(join(binaries.bin_dir, 'pgbench'), argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')));
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')));
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const lines = async (): Promise<readonly string[]> => {
    const texts = await Promise.all((await readdir(logs)).map((name) => readFile(join(logs, name), 'utf8')));
    return texts.flatMap((text) => text.split('\n').filter((line) => line !== ''));
  };
  await waitFor(async () => ((await lines()).length > 0 || child.exitCode !== null ? true : null), {
    deadline: 15_000,
    what: 'pgbench to begin',
  });
  return {
    stop: async () => {
      child.kill('SIGINT');
      await ended;
      // client, transaction, time (microseconds), script, epoch, microseconds of it, and with -R the lag.
      const rows = (await lines()).map((line) => line.split(' '));
      await rm(logs, { recursive: true, force: true });
      const waits = rows.map(([, , time = '0']) => Number(time) / 1000);
      const told = /number of failed transactions: (\d+)/.exec(said)?.[1] ?? '0';
      const aborted = said.match(/aborted|could not|failed:/g)?.length ?? 0;
      return { transactions: rows.length, failed: Number(told) + aborted, longest_wait: Math.max(0, ...waits), said };
    },
  };
}
