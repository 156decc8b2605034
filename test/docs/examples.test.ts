import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { loadConfig } from '../../src/config/load.js';
import { ok } from '../../src/core/outcome.js';
import { createRegistry, findPlugin } from '../../src/plugin/registry.js';
import { type DemoCluster, startCluster } from '../pg/harness.js';
import { createLab } from '../scenarios/lab.js';
import { blocks, documents, printedPlugins, read, ROOT } from './markdown.js';

let dir: string;
let plugins_dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'handyrep-docs-'));
  plugins_dir = join(dir, 'plugins');
  await mkdir(plugins_dir);
  for (const [name, text] of printedPlugins()) await writeFile(join(plugins_dir, name), text);
});

afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

function programs(): readonly string[] {
  const typescript = [read('README.md'), read('docs/library.md')].flatMap(blocks);
  return typescript.filter(({ language }) => language === 'ts').map(({ text }) => text);
}

describe('programs that use the library', () => {
  test('they compile under the strictest settings', () => {
    const files = new Map(programs().map((text, index) => [join(ROOT, `example-${index.toString()}.ts`), text]));
    expect(files.size).toBe(2);
    const base = ts.readConfigFile(join(ROOT, 'tsconfig.base.json'), (name) => ts.sys.readFile(name));
    const raw = base.config as { readonly compilerOptions: Record<string, unknown> };
    const paths = { handyrep: ['./src/index.ts'] };
    const options = ts.convertCompilerOptionsFromJson({ ...raw.compilerOptions, types: ['node'], paths }, ROOT).options;
    const host = ts.createCompilerHost(options);
    const { fileExists, getSourceFile, readFile: readText } = host;
    host.fileExists = (name) => files.has(name) || fileExists(name);
    host.readFile = (name) => files.get(name) ?? readText(name);
    host.getSourceFile = (name, version, ...rest) => {
      const text = files.get(name);
      return text === undefined ? getSourceFile(name, version, ...rest) : ts.createSourceFile(name, text, version);
    };
    const program = ts.createProgram([...files.keys()], options, host);
    const found = [...files.keys()].flatMap((name) => {
      const source = program.getSourceFile(name);
      return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    });
    expect(found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([]);
  });
});

/** Runs a printed program in a process of its own, against the sources. */
async function runProgram(text: string, config: string): Promise<{ readonly code: unknown; readonly stdout: string }> {
  const file = join(dir, 'program.mts');
  await writeFile(file, text.replace("'handyrep'", `'${pathToFileURL(join(ROOT, 'src/index.ts')).href}'`));
  const argv = ['--import', 'tsx', file, config];
  return new Promise((resolve) => {
    execFile(process.execPath, argv, { cwd: ROOT, timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code, stdout: stdout + stderr });
    });
  });
}

describe('on a throwaway cluster', () => {
  let cluster: DemoCluster;
  beforeAll(async () => {
    cluster = await startCluster({ replicas: 2 });
  }, 90_000);

  test('the program of docs/library.md looks and decides; the printed plugins choose and note a failover', async () => {
    const notes = join(dir, 'failovers');
    if (cluster.os_user !== null) await writeFile(notes, '', { mode: 0o666 });
    const lab = await createLab(cluster, {
      failover: { selection_method: 'select_site' },
      extra_failover_commands: { note: { command: 'note_failover', parameters: ['loss: {{ loss }}'] } },
      plugins: { select_site: { site: ['db3'] }, note_failover: { file: notes } },
      plugin_files: Object.fromEntries(printedPlugins()),
    });
    await lab.init();
    expect((await lab.verify()).exit_code).toBe(0);

    const [program = ''] = blocks(read('docs/library.md')).flatMap(({ language, text }) =>
      language === 'ts' ? text : [],
    );
    const { code, stdout } = await runProgram(program, lab.config);
    expect(stdout).toContain('db1 master healthy: accepts writes');
    expect(stdout).toContain('rule 5, master_healthy: dry run, nothing was done: the master db1 is up');
    expect(stdout).toContain('a switchover now: dry run, nothing was done: db1 would hand over to db');
    expect(stdout).toContain('lab is healthy, master db1');
    expect(code).toBe(0);

    await cluster.master.killTree();
    const report = await lab.check();
    expect(report).toMatchObject({ exit_code: 0, failed_over: true, operation: { new_master: 'db3' } });
    expect(await readFile(notes, 'utf8')).toMatch(/^\S+ db1 -> db3 loss: \d+ bytes of WAL known to be missing/);
  });
});

describe('plugins that the documents print', () => {
  test.each([...printedPlugins().keys()])('%s loads, and says when its settings are missing', async (file) => {
    const name = file.replace(/\.mjs$/, '');
    const plugin = await findPlugin(name, plugins_dir);
    if (!plugin.ok) throw new Error(plugin.error.message);
    const registry = createRegistry({ plugins_dir, settings: {} });
    expect(await registry.get(plugin.value.kind, name)).toMatchObject({ ok: false, error: { code: 'plugin_broken' } });
  });

  test('there are two', () => {
    expect([...printedPlugins().keys()].sort()).toEqual(['note_failover.mjs', 'select_site.mjs']);
  });
});

/** Pieces of a configuration, made whole by servers where they have none. */
const yamlBlocks = documents().flatMap((document) =>
  document.name === 'docs/configuration.md' ? [] : blocks(document).filter(({ language }) => language === 'yaml'),
);

const SERVERS = { db1: { hostname: 'a', role: 'master' }, db2: { hostname: 'b', role: 'replica' } };

test.each(yamlBlocks)('the configuration of $document is valid: $text', async ({ text }) => {
  const { z } = await import('zod');
  const config = join(dir, 'handyrep.conf.yaml');
  await writeFile(config, stringify({ servers: SERVERS, ...(parse(text) as object) }), { mode: 0o600 });
  const loaded = await loadConfig({
    file: config,
    env: {},
    pluginSettings: async (name, folder) => {
      const found = await findPlugin(name, folder);
      return found.ok ? ok(found.value.settings?.(z) ?? z.strictObject({})) : found;
    },
  });
  expect(loaded).toMatchObject({ ok: true, value: { warnings: [] } });
});
