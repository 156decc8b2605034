import { createHash } from 'node:crypto';
import { lstat, mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A socket's path is at most 103 bytes, and ssh binds it under a name that is 17 bytes longer. */
const LONGEST_SOCKET = 103 - 17;
const NAME_LENGTH = 24;

/**
 * A private folder for the sockets of shared ssh connections: of our own user, mode 0700. Null where none can be had
 * (somebody else made it first, or its path is too long): then each command connects for itself.
 */
export async function controlFolder(env: Readonly<Record<string, string | undefined>>): Promise<string | null> {
  const uid = process.getuid?.();
  if (uid === undefined) return null;
  for (const base of [env['XDG_RUNTIME_DIR'], tmpdir(), '/tmp']) {
    if (!base?.startsWith('/')) continue;
    const folder = join(base, `handyrep-${String(uid)}`);
    const fits = Buffer.byteLength(folder) + 1 + NAME_LENGTH <= LONGEST_SOCKET;
    if (fits && (await isPrivate(folder, uid))) return folder;
  }
  return null;
}

/** Makes the folder, or checks the one that is there: a link or a folder of somebody else's would give him our sessions. */
async function isPrivate(folder: string, uid: number): Promise<boolean> {
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return false;
  }
  try {
    const stat = await lstat(folder);
    return stat.isDirectory() && stat.uid === uid && (stat.mode & 0o077) === 0;
  } catch {
    return false;
  }
}

/** The socket for one way of reaching one host: whatever decides who is reached, and as whom, is in its name. */
export function controlPath(folder: string, way: readonly unknown[]): string {
  const name = createHash('sha256').update(JSON.stringify(way)).digest('hex').slice(0, NAME_LENGTH);
  return join(folder, name);
}

/** Takes away the socket of a connection that does not answer, so that the next command connects afresh. */
export async function dropControl(path: string): Promise<void> {
  await rm(path, { force: true }).catch(() => undefined);
}
