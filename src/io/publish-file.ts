import { lstat, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Outcome, fail, ok } from '../core/outcome.js';

/** For a web server, or a collector of another user. */
const MODE = 0o644;

/**
 * Writes a file that others read, on this host: whoever reads it gets the old or the new one, whole. It need not outlive a
 * crash of the host.
 */
export async function publishFile(path: string, content: string): Promise<Outcome<void>> {
  const fresh = join(dirname(path), `.${basename(path)}.tmp-${process.pid.toString()}`);
  try {
    const before = await lstat(path).catch(() => null);
    if (before !== null && !before.isFile()) return refused(path, 'it is there and is no file');
    const file = await open(fresh, 'w', MODE);
    try {
      await file.writeFile(content);
      // Whatever the umask is.
      await file.chmod(MODE);
    } finally {
      await file.close();
    }
    await rename(fresh, path);
    return ok(undefined);
  } catch (error) {
    await rm(fresh, { force: true }).catch(() => undefined);
    return refused(path, error instanceof Error ? error.message : String(error));
  }
}

function refused(path: string, why: string): Outcome<void> {
  return fail('output_unwritable', `${path} cannot be written: ${why}`, {
    hint: 'its folder must exist, and this user must be allowed to write in it',
  });
}
