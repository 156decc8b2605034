import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, copyFile, cp, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type BuildOptions, type Metafile, type Plugin, build } from 'esbuild';
import { thirdPartyLicences } from './licences.js';
import { buildCommand } from './packs.js';

/** Commander can run subcommands that are programs of their own, for which it loads what starts processes. Ours has none. */
const commanderWithoutProcesses: Plugin = changed('commander without processes', {
  file: /node_modules\/commander\/lib\/command\.js$/,
  from: "require('node:child_process')",
  to: '{}',
});

/**
 * pg asks whether it runs on Cloudflare by making a `Response`, for which Node 20 loads its whole HTTP client: a tenth of
 * the time that a check takes. Here it is Node.
 */
const pgWithoutHttp: Plugin = changed('pg without http', {
  file: /node_modules\/pg\/lib\/stream\.js$/,
  from: "typeof Response === 'function'",
  to: 'false',
});

/** chalk guesses how many colours a terminal has, for which it loads what makes terminals. We always tell it. */
const chalkWithoutGuess: Plugin = changed('chalk without a guess', {
  file: /node_modules\/chalk\/source\/vendor\/supports-color\/index\.js$/,
  from: "import os from 'node:os';\nimport tty from 'node:tty';",
  to: "const os = { release: () => '' };\nconst tty = { isatty: () => false };",
});

/** It asks with it whether it was given a function, which proper-lockfile gives it. */
const signalExitWithoutAssert: Plugin = changed('signal-exit without assert', {
  file: /node_modules\/proper-lockfile\/node_modules\/signal-exit\/index\.js$/,
  from: "require('assert')",
  to: '{ equal: () => undefined }',
});

interface Change {
  readonly file: RegExp;
  readonly from: string;
  readonly to: string;
}

/** A change to the text of a dependency, that fails the build when there is nothing to change any more. */
function changed(name: string, { file, from, to }: Change): Plugin {
  return {
    name,
    setup({ onLoad }) {
      onLoad({ filter: file }, async ({ path }) => {
        const source = await readFile(path, 'utf8');
        const contents = source.replace(from, to);
        if (contents === source) throw new Error(`${path} has changed: see whether "${name}" is still needed`);
        return { contents, loader: 'js' };
      });
    },
  };
}

/**
 * Builds `dist/`: the command and the library as one bundle split into chunks, so that a command loads only what it
 * uses and none of it file by file from node_modules; their types; the configuration's schema; third-party licences.
 */
const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);
await rm('dist', { recursive: true, force: true });
await mkdir('dist');
const [inputs] = await Promise.all([
  bundle(),
  declarations(),
  copyFile('docs/handyrep.schema.json', 'dist/handyrep.schema.json'),
  cp('templates', 'dist/templates', { recursive: true }),
]);
await writeFile('dist/THIRD_PARTY_LICENSES.txt', await thirdPartyLicences(Object.keys(inputs)));
await chmod('dist/bin/handyrep.js', 0o755);

async function bundle(): Promise<Metafile['inputs']> {
  const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
  const options = {
    outdir: 'dist',
    platform: 'node',
    target: 'node20',
    // Names and syntax stay as written: a stack trace from a production host must be readable.
    minifyWhitespace: false,
    legalComments: 'none',
    define: { HANDYREP_VERSION: JSON.stringify(version), HANDYREP_BUILD: JSON.stringify(await digestOfSources()) },
    // Optional in pg, and never wanted here.
    external: ['pg-native'],
    plugins: [pgWithoutHttp, commanderWithoutProcesses, chalkWithoutGuess, signalExitWithoutAssert],
    logLevel: 'warning',
  } satisfies BuildOptions;
  const [command, library] = await Promise.all([buildCommand(options), buildLibrary(options)]);
  if (process.argv.includes('--meta')) await writeFile('dist/meta.json', JSON.stringify(command));
  return { ...command.inputs, ...library.inputs };
}

/** Of all that the code is made of: what an earlier build cached is not for this one. */
async function digestOfSources(): Promise<string> {
  const hash = createHash('sha256');
  const names = await Promise.all(['bin', 'src', 'plugins', 'scripts'].map((folder) => filesIn(folder)));
  for (const name of [...names.flat().sort(), 'package-lock.json'])
    hash.update(`${name}\0`).update(await readFile(name));
  return hash.digest('hex').slice(0, 16);
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => `${entry.parentPath}/${entry.name}`);
}

async function buildLibrary(options: BuildOptions): Promise<Metafile> {
  const { metafile } = await build({
    ...options,
    entryPoints: { index: 'src/index.ts' },
    chunkNames: 'chunks/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    // CommonJS packages ask for Node's own modules with `require`, which ESM does not have.
    banner: {
      js: "import { createRequire as createRequireOfBundle } from 'node:module';\nconst require = createRequireOfBundle(import.meta.url);",
    },
    metafile: true,
  });
  return metafile;
}

async function declarations(): Promise<void> {
  const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));
  await promisify(execFile)(process.execPath, [tsc, '-p', 'tsconfig.build.json']).catch((error: unknown) => {
    process.stderr.write(stdoutOf(error));
    throw error;
  });
}

/** `tsc` tells its findings on standard output. */
function stdoutOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'stdout' in error ? String(error.stdout) : '';
}
