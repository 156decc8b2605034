import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system of its own that can be frozen: as a disk that hangs, it answers reads, and writes wait until it is thawed. */
export interface Freezable {
  readonly folder: string;
  freeze(): void;
  thaw(): void;
  remove(): void;
}

/** However a test ends, what waits for the disk waits no longer than this, seconds. */
const LONGEST_FREEZE_S = 60;

/** Throws where this is not root, or may not mount. */
export function freezableDisk(megabytes: number): Freezable {
  const home = realpathSync(mkdtempSync(join(tmpdir(), 'handyrep-disk-')));
  const image = join(home, 'image');
  const folder = join(home, 'disk');
  const thaw = (): void => {
    try {
      execFileSync('fsfreeze', ['--unfreeze', folder], { stdio: 'ignore' });
    } catch {
      // It was not frozen.
    }
  };
  execFileSync('mkdir', ['-m', '0755', folder]);
  execFileSync('chmod', ['0755', home]);
  execFileSync('truncate', ['-s', `${megabytes}M`, image]);
  execFileSync('mkfs.ext4', ['-q', image]);
  execFileSync('mount', ['-o', 'loop', image, folder]);
  return {
    folder,
    freeze: () => {
      const later = `sleep ${LONGEST_FREEZE_S}; fsfreeze --unfreeze "$1"`;
      spawn('sh', ['-c', later, 'sh', folder], { detached: true, stdio: 'ignore' }).unref();
      execFileSync('fsfreeze', ['--freeze', folder]);
    },
    thaw,
    remove: () => {
      thaw();
      execFileSync('umount', ['--lazy', folder]);
      rmSync(home, { recursive: true, force: true });
    },
  };
}
