import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import { emptyState } from '../../src/core/saved.js';
import { saveStateFile } from '../../src/state/file.js';

/** Only hangs and a command that loads everything are found here; bench/benches/commands.ts measures. */
const run = promisify(execFile);
const BIN = 'dist/bin/handyrep.js';

describe('the built command', () => {
  test.each([['--help'], ['--version'], ['explain', '--rules'], ['status', '--help']])(
    'ends at once: handyrep %s %s',
    async (...argv) => {
      const { stdout, stderr } = await run(process.execPath, [BIN, ...argv], { timeout: 15_000 });
      expect(stdout).not.toBe('');
      expect(stderr).toBe('');
    },
  );

  test('loads for --help the command line and nothing else', async () => {
    const { files, builtins } = await loadedBy('--help');
    expect(files).toEqual(['looking.js']);
    // The configuration's schema alone is twice as much.
    expect((await stat('dist/command/looking.js')).size).toBeLessThan(400_000);
    expect(builtins).toContain('fs');
    expect(builtins.filter((name) => HEAVY.has(name))).toEqual([]);
  });

  test.each([{ argv: ['status'] }, { argv: ['log-tail'] }, { argv: ['status', '--json'] }])(
    'loads no more than --help does: $argv',
    async ({ argv }) => {
      const { files, builtins, stdout } = await loadedBy('-c', join(folder, 'handyrep.conf.yaml'), ...argv);
      expect(stdout).toContain('db1');
      expect(files).toEqual(['looking.js']);
      expect(builtins.filter((name) => HEAVY.has(name))).toEqual([]);
    },
  );

  test('loads for a poll the two packs of checks, and no HTTP, processes or assertions', async () => {
    const { files, builtins, stdout } = await loadedBy('-c', join(folder, 'handyrep.conf.yaml'), 'poll');
    expect(stdout).toContain('db1');
    expect(files).toEqual(['looking.js', 'checking.js']);
    expect(builtins).toContain('net');
    const unwanted = ['assert', 'child_process', 'dns/promises', 'http', 'readline', 'v8'];
    expect(builtins.filter((name) => unwanted.includes(name))).toEqual([]);
  });
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'handyrep-startup-'));
  await writeFile(join(folder, 'handyrep.conf.yaml'), CONFIG, { mode: 0o600 });
  const loaded = await loadConfig({ file: join(folder, 'handyrep.conf.yaml'), env: {} });
  if (!loaded.ok) throw new Error(loaded.problems[0]?.message);
  const { cluster_name, server_file, log_file } = loaded.value.config.handyrep;
  const now = new Date().toISOString();
  await saveStateFile(server_file, emptyState(cluster_name, Object.values(loaded.value.config.servers), now));
  const line = { ts: now, category: 'STATUS', message: 'db1 is down', iserror: true, alert: false };
  await writeFile(log_file, `${JSON.stringify({ ...line, server: 'db1', run: '0123abcd', ms: null })}\n`);
  // Remembers the configuration.
  await loadedBy('-c', join(folder, 'handyrep.conf.yaml'), 'status');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const CONFIG = 'handyrep: { cluster_name: one }\nservers: { db1: { hostname: 127.0.0.1, port: 1, role: master } }\n';
/** Parts of Node that take it long to load, and that looking does without. */
const HEAVY: ReadonlySet<string> = new Set([
  'child_process',
  'crypto',
  'fs/promises',
  'http',
  'net',
  'readline',
  'timers/promises',
  'tls',
  'v8',
]);

/** Tells at the end, in a file, what was read of ours and which of Node's own modules were loaded. */
const REPORT = `
const fs = process.getBuiltinModule('fs');
const { readFileSync } = fs;
const files = [];
fs.readFileSync = (file, ...rest) => (files.push(String(file)), readFileSync(file, ...rest));
process.on('exit', () => fs.writeFileSync(process.env.LOADED, JSON.stringify({ files, list: process.moduleLoadList })));`;

interface Loaded {
  readonly files: readonly string[];
  readonly builtins: readonly string[];
  readonly stdout: string;
}

/** Its output goes to a file: for a pipe Node loads its network sockets. */
async function loadedBy(...argv: string[]): Promise<Loaded> {
  const [said, loaded] = [join(folder, 'said'), join(folder, 'loaded.json')];
  const preload = ['--import', `data:text/javascript,${encodeURIComponent(REPORT)}`];
  const env = { ...process.env, XDG_CACHE_HOME: folder, LOADED: loaded };
  await new Promise<void>((ended) => {
    const script = ['-c', '"$@" >"$0" 2>&1', said, process.execPath, ...preload, BIN, ...argv];
    execFile('sh', script, { env, timeout: 15_000 }, () => ended());
  });
  const { files, list } = JSON.parse(await readFile(loaded, 'utf8')) as { files: string[]; list: string[] };
  return {
    files: files.filter((file) => file.includes('/dist/command/')).map((file) => basename(file)),
    builtins: list.map((one) => one.replace(/^NativeModule /, '')),
    stdout: await readFile(said, 'utf8'),
  };
}
