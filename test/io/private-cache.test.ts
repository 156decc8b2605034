import { existsSync } from 'node:fs';
import { chmod, chown, mkdtemp, readFile, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openPrivateCache } from '../../src/io/private-cache.js';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'handyrep-cache-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const folder = () => join(home, '.cache/handyrep');
const cache = (build = 'b1') => openPrivateCache(build, { HOME: home });
const fileOf = async () => join(folder(), (await readdir(folder()))[0] ?? '');

describe('what was kept', () => {
  test('is found again by the same build, and by no other', () => {
    cache()?.write('status', Buffer.from('compiled'));
    expect(cache()?.read('status')?.toString()).toBe('compiled');
    expect(cache()?.read('poll')).toBeUndefined();
    expect(cache('b2')?.read('status')).toBeUndefined();
  });

  test('may be written to by its owner alone', async () => {
    cache()?.write('status', Buffer.from('compiled'));
    await chmod(await fileOf(), 0o620);
    expect(cache()?.read('status')).toBeUndefined();
    await chmod(await fileOf(), 0o600);
    await chmod(folder(), 0o702);
    expect(cache()?.read('status')).toBeUndefined();
    cache()?.write('poll', Buffer.from('compiled'));
    expect(await readdir(folder())).toHaveLength(1);
    await chmod(folder(), 0o700);
    expect(cache()?.read('status')).toBeDefined();
  });

  test.runIf(process.getuid?.() === 0)("is not taken from another user's folder", async () => {
    cache()?.write('status', Buffer.from('compiled'));
    await chown(folder(), 65_534, 65_534);
    expect(cache()?.read('status')).toBeUndefined();
    await chown(folder(), 0, 0);
    await chown(await fileOf(), 65_534, 65_534);
    expect(cache()?.read('status')).toBeUndefined();
  });

  test.each([
    ['damaged', (whole: Buffer) => whole.fill(1, whole.length - 1)],
    ['cut off', (whole: Buffer) => whole.subarray(0, -1)],
    ['empty', () => Buffer.alloc(0)],
    ['only a checksum', () => Buffer.alloc(4)],
  ])('is not believed when it is %s', async (_, spoil) => {
    cache()?.write('status', Buffer.from('compiled'));
    await writeFile(await fileOf(), spoil(await readFile(await fileOf())));
    expect(cache()?.read('status')).toBeUndefined();
  });

  test('by another build goes after a week', async () => {
    cache('b1')?.write('status', Buffer.from('one'));
    const [old = ''] = await readdir(folder());
    cache('b2')?.write('status', Buffer.from('two'));
    expect(await readdir(folder())).toHaveLength(2);
    const longAgo = new Date(Date.now() - 8 * 24 * 3600 * 1000);
    await utimes(join(folder(), old), longAgo, longAgo);
    cache('b2')?.write('poll', Buffer.from('three'));
    expect(await readdir(folder())).not.toContain(old);
    expect(await readdir(folder())).toHaveLength(2);
  });
});

describe('there is no cache', () => {
  test.each([
    ['without a home', {}],
    ['with a home that is no path', { HOME: 'here' }],
    ['when Node itself is to have none', { HOME: '/root', NODE_DISABLE_COMPILE_CACHE: '1' }],
  ])('%s', (_, env) => {
    expect(openPrivateCache('b1', env)).toBeNull();
  });

  test('where the home is not there, which is not made', async () => {
    const absent = join(home, 'absent');
    openPrivateCache('b1', { HOME: absent })?.write('status', Buffer.from('compiled'));
    expect(existsSync(absent)).toBe(false);
    expect(await readdir(home)).toEqual([]);
  });

  test('where none can be made, and nothing fails', async () => {
    await writeFile(join(home, '.cache'), 'a file');
    cache()?.write('status', Buffer.from('compiled'));
    expect(cache()?.read('status')).toBeUndefined();
  });
});
