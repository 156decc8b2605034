import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { acquireLock, type HeldLock } from '../../src/state/lock.js';
import { directoryId, ourselves, writeOwner } from '../../src/state/lock-owner.js';
import { waitFor } from '../pg/harness.js';
import { runChild, type Child } from './child.js';

let folder: string;
let path: string;
let children: Child[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'handyrep-lock-'));
  path = join(folder, 'servers.save');
});

afterEach(async () => {
  for (const child of children) child.process.kill('SIGKILL');
  await Promise.all(children.map((child) => child.ended));
  children = [];
  rmSync(folder, { recursive: true, force: true });
});

function contend(...args: string[]): Child {
  const child = runChild('lock-holder.ts', [path, ...args]);
  children.push(child);
  return child;
}

async function take(wait_ms = 0): Promise<HeldLock> {
  const taken = await acquireLock(path, { run: 'mine', command: 'poll', wait_ms });
  if (!taken.ok) throw new Error(taken.error.message);
  return taken.value;
}

/** A lock directory with an owner as another process would have left it. */
async function leave(owner: Partial<ReturnType<typeof ourselves>>, age_ms = 0): Promise<void> {
  mkdirSync(`${path}.lock`);
  const directory = directoryId(`${path}.lock`);
  if (directory === null) throw new Error('no directory');
  await writeOwner(`${path}.owner`, { ...ourselves('theirs', 'failover', directory), ...owner });
  const time = (Date.now() - age_ms) / 1000;
  utimesSync(`${path}.lock`, time, time);
}

test('is taken, held, given back, and leaves nothing', async () => {
  const lock = await take();
  expect(lock.held()).toBe(true);
  await lock.release();
  expect(lock.held()).toBe(false);
  expect(lock.signal.aborted).toBe(false);
  await lock.release();
  expect(readdirSync(folder)).toEqual([]);
});

test('a lock that lives is busy: pid, command and age are named', async () => {
  const lock = await take();
  const second = await acquireLock(path, { run: 'second', command: 'verify', wait_ms: 0 });
  expect(second.ok ? null : second.error.code).toBe('lock_busy');
  expect(second.ok ? '' : second.error.message).toMatch(new RegExp(`pid ${process.pid.toString()} \\(poll\\) for 0s`));
  await lock.release();
});

test('--lock-wait waits for it to be given back', async () => {
  const holder = contend('0', '600');
  expect(await holder.first).toBe('held');
  expect((await acquireLock(path, { run: 'x', command: 'poll', wait_ms: 50 })).ok).toBe(false);
  await (await take(20_000)).release();
  expect(await holder.ended).toBe(0);
}, 40_000);

test('a killed holder loses it at once, to one of two takers', async () => {
  const holder = contend();
  expect(await holder.first).toBe('held');
  holder.process.kill('SIGKILL');
  await holder.ended;
  const before = performance.now();
  const both = await Promise.all([1, 2].map(() => acquireLock(path, { run: 'x', command: 'poll', wait_ms: 0 })));
  expect(performance.now() - before).toBeLessThan(2000);
  expect(both.filter((one) => one.ok)).toHaveLength(1);
  for (const one of both) if (one.ok) await one.value.release();
  expect(readdirSync(folder)).toEqual([]);
}, 40_000);

test('20 contenders, some killed while they hold it: never two holders', async () => {
  const journal = join(folder, 'journal');
  writeFileSync(journal, '');
  const kinds = Array.from({ length: 20 }, (_, n) => (n % 4 === 0 ? 'die' : '20'));
  const ends = kinds.map((hold) => contend('60000', hold, journal).ended);
  const codes = await Promise.all(ends);
  expect(codes.filter((code) => code === 0)).toHaveLength(15);
  expect(codes.filter((code) => code === 'SIGKILL')).toHaveLength(5);
  const killed = new Set(children.filter((_, n) => n % 4 === 0).map((child) => child.pid.toString()));
  let holder: string | null = null;
  const lines = readFileSync(journal, 'utf8').trim().split('\n');
  for (const line of lines) {
    const [what = '', pid = ''] = line.split(' ');
    if (what === 'begin') {
      if (holder !== null) expect(killed).toContain(holder);
      holder = pid;
    } else {
      expect(pid).toBe(holder);
      holder = null;
    }
  }
  expect(lines.filter((line) => line.startsWith('begin'))).toHaveLength(20);
}, 120_000);

test.each([
  ['a process that is gone', { pid: 4_194_303 }],
  ['a process whose number was given to another', { started: '1' }],
  ['a process of an earlier boot', { boot_id: 'earlier' }],
])('a lock of %s is taken over at once', async (_, owner) => {
  await leave(owner);
  await (await take()).release();
});

test.each([
  ['on another host', { host: 'elsewhere', pid: 4_194_303 }],
  ['on another machine of the same name', { machine: 'another', pid: 4_194_303 }],
  ['that said so of another lock directory', { directory: '1-2-3' as never, pid: 4_194_303 }],
])('a holder %s is waited for, until its lock is stale', async (_, owner) => {
  await leave(owner);
  const early = await acquireLock(path, { run: 'x', command: 'poll', wait_ms: 100 });
  expect(early.ok ? null : early.error.code).toBe('lock_busy');
  const long_ago = Date.now() / 1000 - 3600;
  utimesSync(`${path}.lock`, long_ago, long_ago);
  await (await take()).release();
});

test('a holder that lives here is never taken over, however old its lock looks', async () => {
  await leave({}, 3_600_000);
  const second = await acquireLock(path, { run: 'x', command: 'poll', wait_ms: 100 });
  expect(second.ok ? null : second.error.code).toBe('lock_busy');
  expect(existsSync(`${path}.lock`)).toBe(true);
});

test('a lock that was taken from us aborts the run, and the release leaves the new one alone', async () => {
  const lock = await take();
  rmSync(`${path}.lock`, { recursive: true });
  await leave({ run: 'thief' });
  expect(lock.held()).toBe(false);
  expect(lock.signal.aborted).toBe(true);
  await lock.release();
  expect(existsSync(`${path}.lock`)).toBe(true);
  expect(readFileSync(`${path}.owner`, 'utf8')).toContain('thief');
});

test('a lost lock is noticed without being asked for', async () => {
  const lock = await take();
  rmSync(`${path}.lock`, { recursive: true });
  await waitFor(() => lock.signal.aborted, { deadline: 10_000, what: 'the run to be aborted' });
  await lock.release();
}, 20_000);

test('a folder that does not exist is a failure, not an exception', async () => {
  const taken = await acquireLock(join(folder, 'no', 'servers.save'), { run: 'x', command: 'poll', wait_ms: 0 });
  expect(taken.ok ? null : taken.error.code).toBe('state_unwritable');
});
