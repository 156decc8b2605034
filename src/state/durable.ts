import { open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isAlive } from './process.js';

const MODE = 0o600;

/** Writes a file so that a crash at any instant leaves the old or the new one, whole. Only with its lock held. */
export async function replaceDurably(path: string, content: string): Promise<void> {
  const fresh = temporaryPath(path);
  try {
    await writeDurably(fresh, content);
    await rename(fresh, path);
    await syncFolder(path);
  } catch (error) {
    await rm(fresh, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** A name of its own beside a file, by which {@link removeLeftovers} knows it. */
export function temporaryPath(path: string): string {
  const unique = `${process.pid.toString()}-${process.hrtime.bigint().toString(36)}`;
  return join(dirname(path), `.${basename(path)}.tmp-${unique}`);
}

/** Temporary files of runs that were killed: only the holder of the lock writes any. */
export async function removeLeftovers(path: string): Promise<void> {
  const prefix = `.${basename(path)}.tmp-`;
  const names = await readdir(dirname(path)).catch(() => []);
  const dead = names.filter((name) => {
    const pid = Number(name.slice(prefix.length).split('-', 1)[0]);
    return name.startsWith(prefix) && !(pid !== process.pid && isAlive(pid));
  });
  await Promise.all(dead.map((name) => rm(join(dirname(path), name), { force: true }).catch(() => undefined)));
}

/** Makes a file of mode 0600 and syncs it; its name is not yet safe. */
export async function writeDurably(path: string, content: string): Promise<void> {
  const file = await open(path, 'wx', MODE);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes the names in a file's folder safe. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
