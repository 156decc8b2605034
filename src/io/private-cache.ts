import {
  closeSync,
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
import { join } from 'node:path';
import * as zlib from 'node:zlib';

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
  // Node 20.15 and 22.2 have crc32.
  if (uid === undefined || typeof zlib.crc32 !== 'function' || env['NODE_DISABLE_COMPILE_CACHE'] === '1') return null;
  const base = env['XDG_CACHE_HOME'] ?? (home === undefined ? undefined : join(home, '.cache'));
  if (base?.startsWith('/') !== true) return null;
  const folder = join(base, 'handyrep');
  const prefix = `${build}-${process.version}-${process.arch}-`;
  return {
    read: (name) => quietly(() => readPrivate(folder, prefix + name, uid)),
    write: (name, data) => quietly(() => writePrivate(folder, { prefix, name, data, uid })),
  };
}

function readPrivate(folder: string, name: string, uid: number): Buffer | undefined {
  if (!isPrivate(statSync(folder), uid)) return undefined;
  const file = openSync(join(folder, name), 'r');
  try {
    if (!isPrivate(fstatSync(file), uid)) return undefined;
    const found = readFileSync(file);
    const data = found.subarray(CHECKSUM_BYTES);
    return found.length > CHECKSUM_BYTES && zlib.crc32(data) === found.readUInt32LE(0) ? data : undefined;
  } finally {
    closeSync(file);
  }
}

interface Entry {
  readonly prefix: string;
  readonly name: string;
  readonly data: Buffer;
  readonly uid: number;
}

/** Written whole under another name first: a run that reads meanwhile gets the old file or the new one. */
function writePrivate(folder: string, { prefix, name, data, uid }: Entry): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (!isPrivate(statSync(folder), uid)) return;
  const sum = Buffer.alloc(CHECKSUM_BYTES);
  sum.writeUInt32LE(zlib.crc32(data), 0);
  const file = join(folder, prefix + name);
  const fresh = `${file}.${process.pid}`;
  try {
    writeFileSync(fresh, Buffer.concat([sum, data]), { mode: 0o600 });
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
