import { execFile } from 'node:child_process';
import { chmod, copyFile, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build, type Metafile, type Plugin } from 'esbuild';
import { thirdPartyLicences } from './licences.js';

/**
 * pg asks whether it runs on Cloudflare by making a `Response`, for which Node 20 loads its whole HTTP client: a tenth of
 * the time that a check takes. Here it is Node.
 */
const pgWithoutHttp: Plugin = {
  name: 'pg without http',
  setup({ onLoad }) {
    onLoad({ filter: /node_modules\/pg\/lib\/stream\.js$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      const contents = source.replace("typeof Response === 'function'", 'false');
      if (contents === source) throw new Error(`${path} has changed: see whether it still makes a Response`);
      return { contents, loader: 'js' };
    });
  },
};

/**
 * Builds `dist/`: the command and the library as one bundle split into chunks, so that a command loads only what it
 * uses and none of it file by file from node_modules; their types; the configuration's schema; third-party licences.
 */
const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);
await rm('dist', { recursive: true, force: true });
await mkdir('dist');
const [metafile] = await Promise.all([
  bundle(),
  declarations(),
  copyFile('docs/handyrep.schema.json', 'dist/handyrep.schema.json'),
  cp('templates', 'dist/templates', { recursive: true }),
]);
await writeFile('dist/THIRD_PARTY_LICENSES.txt', await thirdPartyLicences(Object.keys(metafile.inputs)));
await chmod('dist/bin/handyrep.js', 0o755);

async function bundle(): Promise<Metafile> {
  const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
  const { metafile } = await build({
    entryPoints: { 'bin/handyrep': 'bin/handyrep.ts', index: 'src/index.ts' },
    outdir: 'dist',
    chunkNames: 'chunks/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    // Names and syntax stay as written: a stack trace from a production host must be readable.
    minifyWhitespace: false,
    legalComments: 'none',
    define: { HANDYREP_VERSION: JSON.stringify(version) },
    // Optional in pg, and never wanted here.
    external: ['pg-native'],
    // CommonJS packages ask for Node's own modules with `require`, which ESM does not have.
    banner: {
      js: "import { createRequire as createRequireOfBundle } from 'node:module';\nconst require = createRequireOfBundle(import.meta.url);",
    },
    plugins: [pgWithoutHttp],
    metafile: true,
    logLevel: 'warning',
  });
  if (process.argv.includes('--meta')) await writeFile('dist/meta.json', JSON.stringify(metafile));
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
