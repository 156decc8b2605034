import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

/** What a run keeps for the next one must never be seen in what it does. */
const BIN = resolve('dist/bin/handyrep.js');
const CONFIG = 'handyrep: { cluster_name: one }\nservers: { db1: { hostname: 127.0.0.1, role: master } }\n';
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'handyrep-cached-'));
  await configure(CONFIG);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const configure = (text: string) => writeFile(join(folder, 'handyrep.conf.yaml'), text, { mode: 0o600 });

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function handyrep(argv: readonly string[], more: Readonly<Record<string, string>> = {}, bin = BIN): Promise<Ended> {
  const env = { PATH: process.env['PATH'], HOME: folder, ...more };
  return new Promise((done) => {
    execFile(process.execPath, [bin, ...argv], { cwd: folder, env, timeout: 20_000 }, (error, stdout, stderr) => {
      done({ code: typeof error?.code === 'number' ? error.code : Number(error !== null), stdout, stderr });
    });
  });
}

const cached = (name: RegExp) =>
  readdir(join(folder, '.cache/handyrep')).then(
    (names) => names.filter((one) => name.test(one)).map((one) => join(folder, '.cache/handyrep', one)),
    () => [],
  );

test('a second run finds compiled code, and says the same', async () => {
  const cold = await handyrep(['status']);
  const files = await cached(/looking-status/);
  expect(files).toHaveLength(1);
  const { mtimeMs } = await stat(files[0] ?? '');
  expect(await handyrep(['status'])).toEqual(cold);
  // It was good enough: it is written once.
  expect((await stat(files[0] ?? '')).mtimeMs).toBe(mtimeMs);
  expect(await handyrep(['status'], { NODE_DISABLE_COMPILE_CACHE: '1' })).toEqual(cold);
});

test('what a look at the help has left is not all that is kept of a command', async () => {
  await handyrep(['status', '--help']);
  const [file = ''] = await cached(/looking-status/);
  const { size } = await stat(file);
  await handyrep(['status']);
  const whole = await stat(file);
  expect(whole.size).toBeGreaterThan(size);
  await handyrep(['status', '--help']);
  await handyrep(['status']);
  expect((await stat(file)).mtimeMs).toBe(whole.mtimeMs);
});

test('code that was kept of a file is not run when the file has changed, though V8 would take it', async () => {
  const dist = join(folder, 'dist');
  await cp(resolve('dist'), dist, { recursive: true });
  const [bin, pack] = [join(dist, 'bin/handyrep.js'), join(dist, 'command/looking.js')];
  const help = async () => (await handyrep(['--help'], {}, bin)).stdout;
  for (const run of ['cold', 'kept']) expect([run, await help()]).toEqual([run, expect.stringContaining('Keeps one')]);
  const before = await stat(pack);
  // As long as the old text: V8 compares nothing else. And as old, as npm leaves all files.
  await writeFile(pack, (await readFile(pack, 'latin1')).replace('Keeps one', 'Holds one'), 'latin1');
  await utimes(pack, before.atime, before.mtime);
  for (const run of ['cold', 'kept']) expect([run, await help()]).toEqual([run, expect.stringContaining('Holds one')]);
});

test('of other commands a short one describes nothing, and it makes no colours for a file', async () => {
  await handyrep(['status']);
  const [file = ''] = await cached(/looking-status/);
  const code = await readFile(file, 'latin1');
  expect(code).toContain('what the last check found');
  for (const other of ['a throwaway cluster on this machine', 'makes servers anew', 'assembleStyles']) {
    expect(code).not.toContain(other);
  }
});

test('damaged files change nothing, and are replaced', async () => {
  const cold = await handyrep(['status']);
  const files = await cached(/./);
  expect(files.length).toBeGreaterThan(1);
  for (const file of files) await writeFile(file, Buffer.alloc((await stat(file)).size, 7));
  expect(await handyrep(['status'])).toEqual(cold);
  for (const file of files) expect((await readFile(file)).every((byte) => byte === 7)).toBe(false);
});

test('a mistyped command leaves no file', async () => {
  expect(await handyrep(['stauts'])).toMatchObject({ code: 2 });
  expect(await cached(/stauts/)).toEqual([]);
});

test('a configuration that was changed is read anew; a mistake in it is found where it is', async () => {
  const name = async () => (await handyrep(['config', 'show', 'handyrep.cluster_name'])).stdout;
  const running = async () => JSON.parse((await handyrep(['status', '--json'])).stdout) as { details: string };
  await handyrep(['status']);
  expect(await cached(/configuration/)).toHaveLength(1);
  expect(await name()).toContain('one');
  await configure(CONFIG.replace('{ cluster_name: one }', '{ cluster_name: one, server_file: other.save }'));
  expect((await running()).details).toContain('other.save');
  await configure(CONFIG.replace('cluster_name', 'cluster_nmae'));
  const bad = await handyrep(['status']);
  expect(bad.code).toBe(2);
  expect(bad.stdout + bad.stderr).toMatch(/handyrep\.conf\.yaml:1:\d+: handyrep\.cluster_nmae is not a known key/);
});

test('what is around the configuration is looked at every time', async () => {
  await configure(`${CONFIG}passwords: { handyrep_db_pass: { env: PASS } }\n`);
  expect(await handyrep(['status'], { PASS: 'x1y2z3' })).toMatchObject({ code: 1 });
  expect(await cached(/configuration/)).toHaveLength(1);
  const unset = await handyrep(['status']);
  expect(unset.code).toBe(2);
  expect(unset.stdout + unset.stderr).toContain('handyrep.conf.yaml:3:32: passwords.handyrep_db_pass');
  await configure(`${CONFIG}extra_failover_commands: { one: { command: mine } }\n`);
  expect(await handyrep(['status'])).toMatchObject({ code: 2 });
});

test('a secret is in no file but its own', async () => {
  await configure(
    `${CONFIG}passwords: { handyrep_db_pass: "lit'eral-secret" }\nplugins: { fence_command: { token: sesame-17 } }\n`,
  );
  await handyrep(['status']);
  await configure(`${CONFIG}passwords: { handyrep_db_pass: { env: PASS } }\n`);
  await handyrep(['status'], { PASS: 'hidden-in-the-environment' });
  const files = await cached(/./);
  expect(files.length).toBeGreaterThan(1);
  for (const file of files) {
    expect(await readFile(file, 'latin1')).not.toMatch(/eral-secret|sesame-17|hidden-in-the-environment/);
  }
});
