import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ok } from '../../src/core/outcome.js';
import { execCommand } from '../../src/io/exec.js';
import type { CloneRequest, PluginContext } from '../../src/plugin/contract.js';
import clone from '../../plugins/clone_basebackup.js';
import { serverDef } from '../io/builders.js';

/**
 * What no healthy disk shows: its script, with a `sync`, a `uname` and a `pg_basebackup` that do as they are told. Everything
 * else of the method is tested with real servers in test/scenarios.
 */
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'handyrep-basebackup-'));
  await mkdir(join(folder, 'bin'));
  await program('uname', 'if [ "$1" = -s ]; then echo Linux; else echo "${KERNEL:-6.1.0}"; fi');
  await program('sync', `echo "$2" >>${folder}/synced; [ "$2" != "$FAILS" ]`);
  await program(
    'pg_basebackup',
    `if [ "$1" = --version ]; then echo 'pg_basebackup (PostgreSQL) 15.1'; exit; fi
     echo "$*" >${folder}/argv; mkdir -p ${folder}/data/base; echo row >${folder}/data/base/1; sleep "\${TAKES:-0}"`,
  );
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function program(name: string, text: string): Promise<void> {
  const file = join(folder, 'bin', name);
  await writeFile(file, `#!/bin/sh\n${text}\n`);
  await chmod(file, 0o755);
}

const data = () => join(folder, 'data');
const read = (name: string) => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : '');

/** The method's own answer, with these variables in the environment of its script. */
function copy(more: Readonly<Record<string, string>> = {}) {
  const target = serverDef({ name: 'db2', pgdata: data() });
  const env = { PATH: `${join(folder, 'bin')}:/usr/bin:/bin`, ...more };
  const options = { timeout: 20_000, env };
  const context = {
    hosts: {
      run: (_: unknown, argv: readonly [string, ...string[]]) => execCommand(argv, options),
      long: (_: unknown, script: string, args: readonly string[]) =>
        execCommand(['sh', '-c', script, 'handyrep', ...args], options),
    },
    findBinary: () => Promise.resolve(ok(join(folder, 'bin/pg_basebackup'))),
    signal: new AbortController().signal,
  } as unknown as PluginContext;
  const request = {
    ...{ source: serverDef({ name: 'db1' }), target, major: 15, conninfo: 'host=db1', password: null },
    ...{ tablespaces: [], waldir: null, bytes: 100 },
    prepare: () => Promise.resolve(ok(undefined)),
    walIsStreamed: () => undefined,
    progress: () => undefined,
  } satisfies CloneRequest;
  const settings = {
    ...{ checkpoint: 'fast' as const, max_rate: null, waldir: null, tablespace_mapping: {}, verify: false },
    ...{ timeout: 20, arguments: [] },
  };
  return clone.run(settings)(context, request);
}

test('the disk is written to while the copy goes on, and once more at its end', async () => {
  expect(await copy({ TAKES: '1' })).toEqual(ok('copied from db1 by pg_basebackup'));
  expect(read('argv')).toContain('--no-sync');
  // Once to see whether it can be told, during the second, and last of all.
  expect(
    read('synced')
      .split('\n')
      .filter((line) => line === data()).length,
  ).toBeGreaterThanOrEqual(2);
  expect(readdirSync(data()).sort()).toEqual(['base', 'standby.signal']);
});

test.each(['0', '1'])('a disk that cannot be written to: the copy is no copy (it took %s s)', async (TAKES) => {
  expect(await copy({ TAKES, FAILS: data() })).toMatchObject({
    ok: false,
    error: { message: expect.stringContaining('the copy could not be written out to the disk') as string, cause: '94' },
  });
  expect(readdirSync(data())).toEqual([]);
});

test.each([
  ['a kernel that does not tell of failed writes', { KERNEL: '5.7.19-amd64' }],
  ['a file system that sync does not know', { FAILS: '' }],
])('%s: pg_basebackup writes out by itself', async (_, env) => {
  const more = 'FAILS' in env ? { FAILS: folder } : env;
  expect(await copy(more)).toMatchObject({ ok: true });
  expect(read('argv')).not.toContain('--no-sync');
  expect(read('synced')).not.toContain(data());
});
