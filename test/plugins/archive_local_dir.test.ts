import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { killProcesses } from '../../src/demo/processes.js';
import { waitFor } from '../pg/wait.js';
import { SEGMENT, ScriptBench, scriptsOf } from './archive_scripts.js';

const bench = new ScriptBench();
const directory = bench.archive();
const content = Buffer.alloc(200_000, 'wal');
let path: string;

beforeAll(async () => {
  bench.install(await scriptsOf('archive_local_dir', { directory }, { script_dir: bench.scripts }));
  path = bench.wal(SEGMENT, content);
});
afterAll(() => bench.end());

describe('archive.sh', () => {
  test('both scripts are sh for dash', () => {
    for (const name of ['archive.sh', 'restore.sh']) execFileSync('dash', ['-n', join(bench.scripts, name)]);
  });

  test('copies a file, and does it again without harm', () => {
    expect(bench.run('archive', path, SEGMENT)).toEqual({ code: 0, said: '', out: '' });
    expect(readFileSync(join(directory, SEGMENT)).equals(content)).toBe(true);
    const before = statSync(join(directory, SEGMENT)).ino;
    expect(bench.run('archive', path, SEGMENT)).toEqual({ code: 0, said: '', out: '' });
    expect(statSync(join(directory, SEGMENT)).ino).toBe(before);
    expect(statSync(join(directory, SEGMENT)).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory)).toEqual([SEGMENT]);
  });

  test.each(['00000002.history', '000000010000000000000008.00000028.backup', '000000010000000000000009.partial'])(
    'copies %s too',
    (name) => {
      expect(bench.run('archive', bench.wal(name, 'small'), name)).toEqual({ code: 0, said: '', out: '' });
      expect(readFileSync(join(directory, name), 'utf8')).toBe('small');
    },
  );

  test.each([
    ['a different one', Buffer.alloc(200_000, 'xyz'), `holds a different ${SEGMENT} already: it is left as it is`],
    ['the half of it', content.subarray(0, 1000), `holds a different ${SEGMENT} already: it is left as it is`],
    ['an empty file', Buffer.alloc(0), `${SEGMENT} is there and is empty: it is left as it is`],
  ])('never writes over %s of the same name', (_, there, said) => {
    writeFileSync(join(directory, SEGMENT), there);
    const done = bench.run('archive', path, SEGMENT);
    expect(done.code).toBe(1);
    expect(done.said).toContain(`handyrep archive: ${SEGMENT}: here: `);
    expect(done.said).toContain(said);
    expect(readFileSync(join(directory, SEGMENT)).equals(there)).toBe(true);
    execFileSync('rm', [join(directory, SEGMENT)]);
  });

  test('is stopped by a file, and says how to go on', () => {
    const stop = join(bench.scripts, 'stop_archiving');
    writeFileSync(stop, '');
    expect(bench.run('archive', path, SEGMENT)).toEqual({
      code: 1,
      said: `handyrep archive: ${SEGMENT} is kept: archiving was stopped by ${stop} (handyrep archive start goes on)`,
      out: '',
    });
    execFileSync('rm', [stop]);
  });

  test.each([
    ['../x', 'is no name of a WAL file'],
    ['.hidden', 'is no name of a WAL file'],
    ['a b', 'is no name of a WAL file'],
    ['', 'is no name of a WAL file'],
  ])('takes no name like %j', (name, said) => {
    const done = bench.run('archive', path, name);
    expect(done.code).toBe(1);
    expect(done.said).toContain(said);
  });

  test('a file that is empty or gone is no success', () => {
    expect(bench.run('archive', 'pg_wal/none', SEGMENT)).toMatchObject({ code: 1 });
    expect(bench.run('archive', bench.wal('0', ''), SEGMENT).said).toContain('is not there, or empty');
  });

  test("what a killed copy left is in nobody's way, and has not the name of a whole one", async () => {
    const name = '00000001000000000000000A';
    bench.wal(name, Buffer.alloc(400_000_000, 'x'));
    const argv = [`pg_wal/${name}`, name];
    const child = spawn(join(bench.scripts, 'archive.sh'), argv, { cwd: bench.pgdata, stdio: 'ignore' });
    const left = await waitFor(() => readdirSync(directory).find((one) => one.startsWith(`.${name}.`)), {
      deadline: 20_000,
      what: 'a half copy',
      every: 1,
    });
    killProcesses(child.pid ?? -1);
    expect(readdirSync(directory)).toContain(left);
    expect(existsSync(join(directory, name))).toBe(false);
    bench.wal(name, 'whole');
    expect(bench.run('archive', ...argv)).toEqual({ code: 0, said: '', out: '' });
    expect(readFileSync(join(directory, name), 'utf8')).toBe('whole');
  }, 30_000);

  test('--has and --check', () => {
    bench.run('archive', path, SEGMENT);
    expect(bench.run('archive', '--has', SEGMENT).code).toBe(0);
    expect(bench.run('archive', '--has', '0000000100000000000000FF').code).toBe(1);
    expect(bench.run('archive', '--check')).toEqual({ code: 0, said: '', out: '' });
  });
});

describe('restore.sh', () => {
  test('brings what is there, and says no to what is not', () => {
    bench.run('archive', path, SEGMENT);
    expect(bench.run('restore', SEGMENT, 'pg_wal/RECOVERYXLOG')).toEqual({ code: 0, said: '', out: '' });
    expect(readFileSync(join(bench.pgdata, 'pg_wal/RECOVERYXLOG')).equals(content)).toBe(true);
    expect(bench.run('restore', '0000000100000000000000FF', 'pg_wal/OTHER')).toEqual({ code: 1, said: '', out: '' });
    expect(readdirSync(join(bench.pgdata, 'pg_wal'))).not.toContain('OTHER');
    expect(readdirSync(join(bench.pgdata, 'pg_wal')).filter((name) => name.includes('handyrep'))).toEqual([]);
  });

  test('it never ends with more than 1, which would end a recovery', () => {
    for (const args of [[], [SEGMENT], ['..', 'x'], [SEGMENT, '/nonexistent/x']]) {
      expect(bench.run('restore', ...args).code).toBe(1);
    }
  });
});

test('a template that is not there, or not whole, is named', async () => {
  const settings = { directory, archive_template: 'none.sh' };
  await expect(scriptsOf('archive_local_dir', settings)).rejects.toThrow('there is no template none.sh');
  // Of other values than a script gets.
  const other = { directory, restore_template: 'haproxy.cfg' };
  await expect(scriptsOf('archive_local_dir', other)).rejects.toThrow(
    /^the template haproxy\.cfg cannot be rendered: undefined variable/,
  );
});

describe('places that cannot be written', () => {
  test('a folder that is not there', async () => {
    const scripts = await scriptsOf(
      'archive_local_dir',
      { directory: '/nonexistent/wal' },
      { script_dir: bench.scripts },
    );
    bench.install(scripts);
    const said = 'here: there is no folder /nonexistent/wal';
    expect(bench.run('archive', path, SEGMENT)).toEqual({
      code: 1,
      said: `handyrep archive: ${SEGMENT}: ${said}`,
      out: '',
    });
    expect(bench.run('archive', '--check')).toEqual({ code: 1, said: `handyrep archive: ${said}`, out: '' });
    expect(bench.run('restore', SEGMENT, 'pg_wal/X').code).toBe(1);
  });

  test.runIf(process.getuid?.() === 0)('a full disk: nothing is left, and once there is room it goes on', async () => {
    const small = join(bench.folder, 'small disk');
    mkdirSync(small);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', small]);
    try {
      bench.install(await scriptsOf('archive_local_dir', { directory: small }, { script_dir: bench.scripts }));
      const big = bench.wal('00000001000000000000000B', Buffer.alloc(3_000_000, 'x'));
      const done = bench.run('archive', big, '00000001000000000000000B');
      expect(done.code).toBe(1);
      expect(done.said).toContain(`could not be written in ${small}`);
      expect(readdirSync(small)).toEqual([]);
      execFileSync('mount', ['-o', 'remount,size=8m', small]);
      expect(bench.run('archive', big, '00000001000000000000000B').code).toBe(0);
      execFileSync('mount', ['-o', 'remount,ro', small]);
      const other = bench.run('archive', path, SEGMENT);
      expect(other.code).toBe(1);
      expect(other.said).toMatch(/cannot write in .*small disk/);
    } finally {
      execFileSync('umount', [small]);
    }
  });

  test.runIf(process.getuid?.() === 0)('a folder of somebody else', async () => {
    chmodSync(bench.folder, 0o755);
    const theirs = bench.archive('theirs');
    chmodSync(theirs, 0o755);
    bench.install(await scriptsOf('archive_local_dir', { directory: theirs }, { script_dir: bench.scripts }));
    const argv = ['-u', 'nobody', '--', join(bench.scripts, 'archive.sh'), '--check'];
    expect(() => execFileSync('runuser', argv, { stdio: 'pipe', cwd: '/' })).toThrow(
      `nobody may not write in ${theirs}`,
    );
  });
});
