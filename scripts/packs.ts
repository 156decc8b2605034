import { mkdir, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { type BuildOptions, type Metafile, build, transform } from 'esbuild';

/**
 * The command as a few files that `src/launch` can run with cached code, which ES modules cannot have on Node 20: esbuild
 * splits the code into chunks by what needs what, each becomes a CommonJS module, and chunks that are needed together are
 * put into one file, a pack.
 */

/** What each pack begins with, sources that the code imports when needed; a chunk goes to the first pack that needs it. */
const PACKS: readonly (readonly [name: string, sources: readonly string[]])[] = [
  [
    'looking',
    [
      'bin/handyrep.ts',
      'src/commands/status.ts',
      'src/commands/log-tail.ts',
      'src/service/handyrep.ts',
      'node_modules/chalk/source/index.js',
    ],
  ],
  [
    'checking',
    [
      'src/commands/poll.ts',
      'src/commands/failover-check.ts',
      'src/service/create-reach.ts',
      'src/service/poll.ts',
      'src/service/failover-check.ts',
      'src/report/evidence.ts',
      'src/service/alerts.ts',
      'src/state/alert-file.ts',
      'node_modules/execa/index.js',
      'plugins/poll_connect.ts',
      'plugins/one_hr_master.ts',
      'plugins/select_replica_furthest_ahead.ts',
      'plugins/replication_lag_mb.ts',
    ],
  ],
  ['acting', []],
];

interface Chunk {
  /** As the others name it: the file's name without its folder, which differs by who imports. */
  readonly id: string;
  readonly text: string;
  readonly source: string | null;
  /** Chunks that run before it does. */
  readonly needs: readonly string[];
}

/** Writes `dist/command/PACK.js` and `dist/bin/handyrep.js`, which runs them; gives what is in them. */
export async function buildCommand(options: BuildOptions & { readonly outdir: string }): Promise<Metafile> {
  const { metafile, outputFiles } = await build({
    ...options,
    entryPoints: { handyrep: 'bin/handyrep.ts' },
    bundle: true,
    splitting: true,
    format: 'esm',
    // A CommonJS module has none: src/launch gives each chunk the address of its pack.
    define: { ...options.define, 'import.meta.url': '__pack.url' },
    metafile: true,
    write: false,
  });
  const texts = new Map(outputFiles.map(({ path, text }) => [basename(path), text]));
  const chunks = Object.entries(metafile.outputs).map(([path, output]): Chunk => {
    const needs = output.imports.filter(({ kind, external }) => kind === 'import-statement' && external !== true);
    const id = basename(path);
    return {
      id,
      text: texts.get(id) ?? '',
      source: output.entryPoint ?? null,
      needs: needs.map((one) => basename(one.path)),
    };
  });
  const packs = share(chunks);
  const names = new Map([...packs].flatMap(([name, members]) => members.map(({ id }) => [id, `${name}/${id}`])));
  const folder = `${options.outdir}/command`;
  await mkdir(folder, { recursive: true });
  await Promise.all(
    [...packs].map(async ([name, members]) => writeFile(`${folder}/${name}.js`, await packText(members, names))),
  );
  await writeFile(`${folder}/package.json`, '{ "type": "commonjs" }\n');
  await buildLauncher(options, {
    HANDYREP_PACKS: [...packs.keys()],
    HANDYREP_ENTRY: nameOf('handyrep.js', names),
  });
  return metafile;
}

/** Each chunk in the first pack that needs it; the last pack takes what is left. */
function share(chunks: readonly Chunk[]): ReadonlyMap<string, readonly Chunk[]> {
  const byId = new Map(chunks.map((chunk) => [chunk.id, chunk]));
  const left = new Set(chunks.map(({ id }) => id));
  const take = (id: string): Chunk[] => {
    const chunk = byId.get(id);
    if (chunk === undefined || !left.delete(id)) return [];
    return [chunk, ...chunk.needs.flatMap(take)];
  };
  const packs = PACKS.map(([name, sources]): [string, Chunk[]] => {
    const roots = sources.map((source) => chunks.find((chunk) => chunk.source === source)?.id ?? missing(source));
    return [name, roots.flatMap(take)];
  });
  packs.at(-1)?.[1].push(...[...left].flatMap(take));
  return new Map(packs);
}

function missing(source: string): never {
  throw new Error(`scripts/packs.ts: ${source} is not the beginning of a chunk any more`);
}

/**
 * How chunks are called when they run: by their pack and their name.
 */
type Names = ReadonlyMap<string, string>;

function nameOf(id: string, names: Names): string {
  return names.get(id) ?? missing(id);
}

/** An expression whose value has a function for each chunk: V8 compiles those that run, when they run. */
async function packText(chunks: readonly Chunk[], names: Names): Promise<string> {
  const parts = await Promise.all(
    chunks.map(async ({ id, text }) => {
      const { code } = await transform(text.replace(/^#!.*\n/, ''), {
        format: 'cjs',
        target: 'node20',
        charset: 'ascii',
      });
      const body = await withoutUnused(linked(exported(code, id), names));
      return `${JSON.stringify(nameOf(id, names))}(module, require, __load, __pack) {\n${body}\n}`;
    }),
  );
  return `({\n${parts.join(',\n')}\n})\n`;
}

/**
 * What a chunk exports, as getters of one object. esbuild's own way makes two objects and two functions of each name, for code
 * that was CommonJS before; with some thirty chunks in a short command that is a millisecond.
 */
function exported(code: string, id: string): string {
  const [before, lines, after] = code.split(
    /^var stdin_exports = \{\};\n__export\(stdin_exports, \{\n([^]*?)\n\}\);\nmodule\.exports = __toCommonJS\(stdin_exports\);$/m,
  );
  if (before === undefined || lines === undefined || after === undefined) {
    if (code.includes('stdin_exports')) throw new Error(`scripts/packs.ts: esbuild exports in another way from ${id}`);
    return code;
  }
  const getters = lines.split('\n').map((line) => {
    const getter = line.replace(/^ {2}([\w$]+): \(\) => ([\w$.]+)(,?)$/, '  get $1() { return $2; }$3');
    if (getter === line) throw new Error(`scripts/packs.ts: ${id} exports${line}`);
    return getter;
  });
  return [before, 'module.exports = {', ...getters, '};', after].join('\n');
}

/** Without esbuild's own functions that are not called any more. */
async function withoutUnused(code: string): Promise<string> {
  return (await transform(code, { target: 'node20', charset: 'ascii', treeShaking: true, format: 'cjs' })).code;
}

/**
 * Chunks are known by their names, wherever they are named from. What else is imported (a user's plugin) the launcher
 * imports: a script with cached code cannot. Of Node's own modules nothing is copied.
 */
function linked(code: string, names: Names): string {
  const known = (id: string): string => JSON.stringify(nameOf(id, names));
  return code
    .replaceAll(/\bimport\("\.{1,2}\/(?:[\w-]+\/)*([\w-]+\.js)"\)/g, (_, id: string) => `__load(${known(id)})`)
    .replaceAll(/\brequire\("\.{1,2}\/(?:[\w-]+\/)*([\w-]+\.js)"\)/g, (_, id: string) => `require(${known(id)})`)
    .replaceAll(/\bimport\(/g, '__load(')
    .replaceAll(
      /__toESM\(require\(("node:[\w/]+")\)\)/g,
      'Object.create(require($1), { default: { value: require($1) } })',
    );
}

async function buildLauncher(
  options: BuildOptions & { readonly outdir: string },
  define: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { outdir, platform, target } = options;
  await build({
    ...(platform === undefined ? {} : { platform }),
    ...(target === undefined ? {} : { target }),
    entryPoints: { handyrep: 'bin/launcher.ts' },
    outdir: `${outdir}/bin`,
    bundle: true,
    format: 'cjs',
    banner: { js: '#!/usr/bin/env node' },
    define: {
      ...options.define,
      ...Object.fromEntries(Object.entries(define).map(([name, value]) => [name, JSON.stringify(value)])),
    },
    logLevel: 'warning',
  });
  await writeFile(`${outdir}/bin/package.json`, '{ "type": "commonjs" }\n');
}
