import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LINGER_MS } from '../../src/core/limits.js';

const LINES = 3000;
const LINE = { ts: '2026-05-01T03:00:00.000Z', category: 'STATUS', iserror: false, alert: false, server: 'db1', ms: 1 };
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'handyrep-reader-'));
  const config =
    'handyrep: { cluster_name: one, log_file: log }\nservers: { db1: { hostname: 127.0.0.1, role: master } }\n';
  await writeFile(join(folder, 'handyrep.conf.yaml'), config, { mode: 0o600 });
  const line = `${JSON.stringify({ ...LINE, run: '0123abcd', message: 'm'.repeat(100) })}\n`;
  await writeFile(join(folder, 'log'), line.repeat(LINES));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const logTail = () =>
  spawn(
    process.execPath,
    ['dist/bin/handyrep.js', '-c', join(folder, 'handyrep.conf.yaml'), 'log-tail', '-n', String(LINES)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: 30_000,
    },
  );

test('a reader that takes its time, as a person before `less`, gets all of a long answer', async () => {
  const child = logTail();
  const begun = new Promise((first) => child.stdout.once('readable', first));
  await begun;
  // Longer than a process is let live when the answer is given: this is what a slow reader is.
  await sleep(LINGER_MS + 1000);
  expect((await text(child.stdout)).split('\n')).toHaveLength(LINES + 1);
});

test('a reader that has enough ends it', async () => {
  const child = logTail();
  const ended = new Promise<number | null>((exit) => child.once('exit', exit));
  child.stdout.once('readable', () => child.stdout.destroy());
  expect(await ended).toBe(0);
});
