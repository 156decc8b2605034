import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * What an earlier run worked out and this one need not: code that V8 compiled, a configuration that was checked. Every run
 * is a new process, and that is most of what a short command does.
 *
 * What is read here is believed, code is run as it is (of cached code V8 checks the version and the length of the
 * source, nothing more). So the folder and the files must be this user's and nobody else may write there, each file has
 * a checksum, and its name has a digest of the code and the version of Node. Whatever is wrong with a file, it is as if
 * there were none: a cache is never a reason to fail.
 */
export interface PrivateCache {
  /** Undefined: there is nothing that can be used. */
  read(name: string): Buffer | undefined;
  write(name: string, data: Buffer): void;
}

interface Owner {
  readonly uid: number;
  readonly mode: number;
}

const CHECKSUM_BYTES = 4;
/** Older ones than 20.16 and 22.3 do not have it. */
const { getBuiltinModule } = process as Partial<Pick<NodeJS.Process, 'getBuiltinModule'>>;
/** Asked for in this way: an import of Node's whole module is copied name by name when it is bundled. Undefined: Node has none. */
export const crc32 = getBuiltinModule?.('node:zlib').crc32;
/** Files of another version of HandyRep or Node go when they are this old. */
const FORGET_AFTER_MS = 7 * 24 * 3600 * 1000;

/**
 * The cache of this user for this build, in `$XDG_CACHE_HOME/handyrep`, else `~/.cache/handyrep`; null where there can be
 * none. `NODE_DISABLE_COMPILE_CACHE=1` turns it off, as Node's own.
 *
 * @param build a digest of the code
 */
export function openPrivateCache(
  build: string,
  env: Readonly<Record<string, string | undefined>>,
): PrivateCache | null {
  const uid = process.geteuid?.();
  const home = env['HOME'];
  if (uid === undefined || crc32 === undefined || env['NODE_DISABLE_COMPILE_CACHE'] === '1') return null;
  const base = env['XDG_CACHE_HOME'] ?? (home === undefined ? undefined : join(home, '.cache'));
  if (base?.startsWith('/') !== true) return null;
  const folder = join(base, 'handyrep');
  const prefix = `${build}-${process.version}-${process.arch}-`;
  return {
    read: (name) => quietly(() => readPrivate(folder, { prefix, name, uid, checksum: crc32 })),
    write: (name, data) => quietly(() => writePrivate(folder, { prefix, name, uid, checksum: crc32 }, data)),
  };
}

interface Entry {
  readonly prefix: string;
  readonly name: string;
  readonly uid: number;
  readonly checksum: (data: Buffer) => number;
}

function readPrivate(folder: string, { prefix, name, uid, checksum }: Entry): Buffer | undefined {
  if (!isPrivate(statSync(folder), uid)) return undefined;
  const file = openSync(join(folder, prefix + name), 'r');
  try {
    if (!isPrivate(fstatSync(file), uid)) return undefined;
    const found = readFileSync(file);
    const end = found.length - CHECKSUM_BYTES;
    if (end <= 0) return undefined;
    const data = found.subarray(0, end);
    return checksum(data) === found.readUInt32LE(end) ? data : undefined;
  } finally {
    closeSync(file);
  }
}

/** Written whole under another name first: a run that reads meanwhile gets the old file or the new one. */
function writePrivate(folder: string, { prefix, name, uid, checksum }: Entry, data: Buffer): void {
  // Users of services have a home that is not meant to be there, and root could make it.
  if (!existsSync(dirname(dirname(folder)))) return;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (!isPrivate(statSync(folder), uid)) return;
  const sum = Buffer.alloc(CHECKSUM_BYTES);
  sum.writeUInt32LE(checksum(data), 0);
  const file = join(folder, prefix + name);
  const fresh = `${file}.${process.pid}`;
  try {
    writeFileSync(fresh, Buffer.concat([data, sum]), { mode: 0o600 });
    renameSync(fresh, file);
  } catch (error) {
    quietly(() => unlinkSync(fresh));
    throw error;
  }
  forgetOthers(folder, prefix);
}

function forgetOthers(folder: string, prefix: string): void {
  const oldest = Date.now() - FORGET_AFTER_MS;
  for (const name of readdirSync(folder)) {
    const file = join(folder, name);
    if (!name.startsWith(prefix) && statSync(file).mtimeMs < oldest) unlinkSync(file);
  }
}

/** Whether nobody else can have put something there. */
function isPrivate({ uid, mode }: Owner, user: number): boolean {
  return uid === user && (mode & 0o022) === 0;
}

/** A full disk, a home that is not there, a file that another run took away: all mean that there is no cached code. */
function quietly<T>(attempt: () => T): T | undefined {
  try {
    return attempt();
  } catch {
    return undefined;
  }
}
