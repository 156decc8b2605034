import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exec, execCommand, type ExecOptions } from '../../src/io/exec.js';
import { waitFor } from '../pg/harness.js';

const base: ExecOptions = { timeout: 5000, env: { PATH: '/usr/bin:/bin' } };
const sh = (script: string, more: Partial<ExecOptions> = {}) => exec(['sh', '-c', script], { ...base, ...more });

function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${String(pid)}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'handyrep-exec-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function timed<T>(what: Promise<T>): Promise<[T, number]> {
  const began = performance.now();
  return [await what, performance.now() - began];
}

describe('a command that ends', () => {
  test('gives its outputs and its status', async () => {
    const ending = await sh('echo out; echo err >&2; exit 3');
    expect(ending).toMatchObject({ kind: 'exited', exit_code: 3, stdout: 'out\n', stderr: 'err\n', begun: true });
  });

  test('reads its input, and /dev/null without one', async () => {
    expect((await sh('cat', { input: 'grüße\n' })).stdout).toBe('grüße\n');
    expect((await sh('cat')).stdout).toBe('');
    expect((await sh('exit 0', { input: 'x'.repeat(1_000_000) })).exit_code).toBe(0);
  });

  test('has no environment but the one given', async () => {
    process.env['HANDYREP_TEST_SECRET'] = 'x';
    const { stdout } = await exec(['env'], { ...base, env: { PATH: '/usr/bin:/bin', A: 'b' } });
    Reflect.deleteProperty(process.env, 'HANDYREP_TEST_SECRET');
    expect(stdout.trim().split('\n').sort()).toEqual(['A=b', 'PATH=/usr/bin:/bin']);
  });

  test('counts a signal as a shell does', async () => {
    expect((await sh('kill -9 $$')).exit_code).toBe(137);
  });

  test('gives all of a large output', async () => {
    const { stdout } = await sh('head -c 5000000 /dev/zero | tr "\\0" x');
    expect(stdout.length).toBe(5_000_000);
  });

  test('a daemon that holds its outputs does not hold us, and is left alone', async () => {
    const file = join(folder, 'daemon');
    const [ending, ms] = await timed(sh(`sleep 30 & echo $! > ${file}; echo started`));
    expect(ending).toMatchObject({ kind: 'exited', exit_code: 0, stdout: 'started\n' });
    expect(ms).toBeLessThan(2000);
    const pid = Number(readFileSync(file, 'utf8'));
    expect(isAlive(pid)).toBe(true);
    process.kill(pid);
  });
});

describe('a command that does not end', () => {
  test('is killed at the deadline with its children, even where they ignore SIGTERM', async () => {
    const file = join(folder, 'stubborn');
    const script = `trap '' TERM; (trap '' TERM; sleep 30 & echo $! > ${file}; wait) & wait; sleep 30`;
    const [ending, ms] = await timed(sh(script, { timeout: 300 }));
    expect(ending.kind).toBe('timeout');
    expect(ms).toBeLessThan(2500);
    const pid = Number(readFileSync(file, 'utf8'));
    await waitFor(() => !isAlive(pid), { deadline: 2000, what: 'the grandchild to be gone' });
  });

  test('is killed by the abort signal, also by one that was aborted before', async () => {
    const controller = new AbortController();
    setTimeout(() => {
      controller.abort();
    }, 50);
    const [ending, ms] = await timed(sh('sleep 30', { signal: controller.signal }));
    expect(ending.kind).toBe('aborted');
    expect(ms).toBeLessThan(2000);
    expect((await sh('sleep 30', { signal: AbortSignal.abort() })).kind).toBe('aborted');
  });

  test('is killed when it writes too much', async () => {
    expect((await sh('cat /dev/zero')).kind).toBe('too_much');
  });
});

describe('a command that cannot be run', () => {
  test('is missing', async () => {
    const done = await execCommand(['no-such-program-here'], base);
    expect(done).toMatchObject({ ok: false, error: { code: 'command_missing', cause: 'ENOENT' } });
  });

  test('may not be executed', async () => {
    const done = await execCommand(['/etc/passwd'], { ...base, label: 'db1: passwd' });
    expect(done).toMatchObject({ ok: false, error: { code: 'command_failed' } });
    if (!done.ok) expect(done.error.message).toMatch(/^db1: passwd cannot be run: .*EACCES/);
  });

  test('has an argument that cannot be', async () => {
    const done = await execCommand(['echo', 'a\0b'], base);
    expect(done).toMatchObject({ ok: false, error: { code: 'command_failed' } });
  });
});

describe('a handshake', () => {
  const handshake = { begun: 'BEGUN', ended: 'ENDED', timeout: 300 };

  test('input goes only to a shell that has begun', async () => {
    const ending = await sh('echo BEGUN >&2; cat', { handshake, input: 'secret' });
    expect(ending).toMatchObject({ kind: 'exited', stdout: 'secret', begun: true });
  });

  test('without a beginning it is given up early, and the input was not sent', async () => {
    const file = join(folder, 'unsent');
    const [ending, ms] = await timed(sh(`cat > ${file}; sleep 30`, { handshake, input: 'secret' }));
    expect(ending).toMatchObject({ kind: 'not_begun', begun: false });
    expect(ms).toBeLessThan(2000);
    expect(readFileSync(file, 'utf8')).toBe('');
  });

  test('both ends seen: nobody is waited for', async () => {
    const [ending, ms] = await timed(sh('echo BEGUN >&2; echo ENDED; echo ENDED >&2; sleep 30', { handshake }));
    expect(ending).toMatchObject({ kind: 'exited', stdout: 'ENDED\n' });
    expect(ms).toBeLessThan(2000);
  });
});
