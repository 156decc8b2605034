import {
  appendFileSync,
  existsSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  closeSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { followLog, readTail, type TailOptions } from '../../src/report/log-tail.js';
import type { LogLine } from '../../src/report/log-line.js';
import { waitFor } from '../pg/harness.js';

const START = Date.parse('2026-03-01T12:00:00Z');
let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'handyrep-tail-'));
  path = join(folder, 'handyrep.log');
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** The n-th line is of the n-th minute; every third is a STATUS. */
function line(n: number, padding = ''): string {
  const ts = new Date(START + n * 60_000).toISOString();
  const category = n % 3 === 0 ? 'STATUS' : 'POLL';
  const fields = { ts, category, message: `${n.toString()} ü${padding}`, iserror: false, alert: false, server: null };
  return `${JSON.stringify({ ...fields, run: 'r', ms: null })}\n`;
}

const lines = (from: number, to: number, padding = '') =>
  Array.from({ length: to - from + 1 }, (_, n) => line(from + n, padding)).join('');

const numbers = (found: readonly LogLine[]) => found.map((one) => Number.parseInt(one.message, 10));

async function tail(options: TailOptions): Promise<number[]> {
  const found = await readTail(path, options);
  if (!found.ok) throw new Error(found.error.message);
  return numbers(found.value);
}

test('the last lines come oldest first, over the edges of blocks', async () => {
  writeFileSync(path, lines(1, 2000, 'ü'.repeat(300)));
  expect(await tail({ lines: 3 })).toEqual([1998, 1999, 2000]);
  expect(await tail({ lines: 1500 })).toEqual(Array.from({ length: 1500 }, (_, n) => 501 + n));
  expect(await tail({ lines: 5000 })).toHaveLength(2000);
});

test('lines of a rare category are found wherever they stand among many blocks, and none of another is', async () => {
  // The word comes to lie across every place of a block's edge.
  const text = Array.from({ length: 4000 }, (_, n) => {
    const one = line(n, 'x'.repeat(n % 97));
    return n % 37 === 0 ? one.replace(/"category":"[A-Z]+"/, '"category":"CLONE"') : one;
  });
  writeFileSync(path, text.join(''));
  const rare = Array.from({ length: 4000 }, (_, n) => n).filter((n) => n % 37 === 0);
  expect(await tail({ lines: 5000, category: 'clone' })).toEqual(rare);
  expect(await tail({ lines: 3, category: 'CLONE' })).toEqual(rare.slice(-3));
  const since = START + 2000 * 60_000;
  expect(await tail({ lines: 5000, category: 'CLONE', since })).toEqual(rare.filter((n) => n >= 2000));
  expect(await tail({ lines: 5000, category: 'ALERT' })).toEqual([]);
  expect(await tail({ lines: 5000, category: 'a"b' })).toEqual([]);
});

test('a word that lies across the edge of two blocks is found', async () => {
  const before = line(3).replace('STATUS', 'CLONE');
  const at = before.indexOf('CLONE');
  for (let shift = 0; shift <= 6; shift++) {
    // The log's end is such that a block begins within the word.
    const filler = '{}\n'.repeat(30_000);
    const after = filler.slice(0, 65_536 - (before.length - at) + shift);
    writeFileSync(path, `${filler}${before}${after}`);
    expect(await tail({ lines: 10, category: 'CLONE' })).toEqual([3]);
  }
});

test('it goes on into rotated files, and stops where there are no more', async () => {
  writeFileSync(`${path}.2`, lines(1, 3));
  writeFileSync(`${path}.1`, lines(4, 6));
  writeFileSync(path, lines(7, 8));
  expect(await tail({ lines: 4 })).toEqual([5, 6, 7, 8]);
  expect(await tail({ lines: 100 })).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(await tail({ lines: 2, category: 'status' })).toEqual([3, 6]);
  expect(await tail({ lines: 100, since: START + 5 * 60_000 })).toEqual([5, 6, 7, 8]);
});

test('an empty log, lines of others and a torn end do no harm', async () => {
  writeFileSync(path, '');
  expect(await tail({ lines: 5 })).toEqual([]);
  writeFileSync(path, `not ours\n${line(1)}\n{"ts":\n${line(2)}${line(3).slice(0, 40)}`);
  expect(await tail({ lines: 5 })).toEqual([1, 2]);
});

test('a log that is not there is a failure with a hint', async () => {
  const found = await readTail(path, { lines: 5 });
  expect(found.ok ? null : found.error.code).toBe('log_unreadable');
});

test('a log of 1 GB is not read whole', async () => {
  const file = openSync(path, 'w');
  ftruncateSync(file, 1_000_000_000);
  closeSync(file);
  appendFileSync(path, `\n${lines(1, 20)}`);
  const before = performance.now();
  expect(await tail({ lines: 3 })).toEqual([18, 19, 20]);
  expect(performance.now() - before).toBeLessThan(1000);
});

test('following gives the last lines, then new ones, over a rotation and a truncation, until it is aborted', async () => {
  writeFileSync(path, lines(1, 5));
  const stop = new AbortController();
  const found: LogLine[] = [];
  const following = (async () => {
    for await (const one of followLog(path, { lines: 2, signal: stop.signal, every: 5 })) found.push(one);
  })();
  const seen = (...expected: number[]) =>
    waitFor(() => JSON.stringify(numbers(found)) === JSON.stringify(expected), {
      deadline: 5000,
      what: `${expected.join()} (${numbers(found).join()})`,
    });
  await seen(4, 5);
  appendFileSync(path, line(6).slice(0, 30));
  appendFileSync(path, line(6).slice(30));
  await seen(4, 5, 6);
  renameSync(path, `${path}.1`);
  appendFileSync(`${path}.1`, line(7));
  writeFileSync(path, line(8, 'longer'));
  await seen(4, 5, 6, 7, 8);
  writeFileSync(path, line(9));
  await seen(4, 5, 6, 7, 8, 9);
  // Rotated three times between two looks.
  for (const n of [10, 11, 12]) {
    for (const old of [2, 1])
      if (existsSync(`${path}.${old.toString()}`))
        renameSync(`${path}.${old.toString()}`, `${path}.${(old + 1).toString()}`);
    renameSync(path, `${path}.1`);
    writeFileSync(path, line(n));
  }
  await seen(4, 5, 6, 7, 8, 9, 10, 11, 12);
  stop.abort();
  await following;
});

test('following waits for a log that is not there yet', async () => {
  const stop = new AbortController();
  const following = followLog(path, { lines: 2, category: 'STATUS', signal: stop.signal, every: 5 });
  const first = following.next();
  writeFileSync(path, lines(1, 4));
  expect((await first).value?.message).toMatch(/^3 /);
  stop.abort();
  expect((await following.next()).done).toBe(true);
});
