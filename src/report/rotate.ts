import { closeSync, linkSync, openSync, renameSync, rmSync, statSync } from 'node:fs';

/** How long a rotation may take before its marker is that of a killed run. Milliseconds. */
const MARKER_LIFE = 10_000;

export interface RotateOptions {
  readonly path: string;
  /** How many old files are kept. */
  readonly keep: number;
  /** Whether it is still to be done: asked when nobody else can be doing it. */
  readonly isDue: () => boolean;
}

/** Whether a file has grown to this many bytes. */
export function isFull(path: string, max_size: number): boolean {
  return statSync(path).size >= max_size;
}

/** The n-th newest old file; 0 is the log itself. */
export function rotatedPath(path: string, n: number): string {
  return n === 0 ? path : `${path}.${n.toString()}`;
}

/**
 * Moves a log that has grown too large out of the way, once, also when several runs see it at the same time. What others
 * still write into the moved file stays in it.
 */
export function rotate(options: RotateOptions): void {
  const marker = `${options.path}.rotating`;
  if (!takeMarker(marker)) return;
  try {
    // Another run may have done it between our look and the marker.
    if (!options.isDue()) return;
    shift(options);
  } catch {
    // Nothing can be moved: the log grows on, which is better than no log.
  } finally {
    rmSync(marker, { force: true });
  }
}

function shift({ path, keep }: Omit<RotateOptions, 'isDue'>): void {
  if (keep < 1) {
    rmSync(path, { force: true });
    return;
  }
  for (let n = keep; n >= 1; n--) {
    try {
      renameSync(rotatedPath(path, n - 1), rotatedPath(path, n));
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  }
}

function takeMarker(marker: string): boolean {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      closeSync(openSync(marker, 'wx', 0o600));
      return true;
    } catch {
      if (!isOld(marker) || !removeOld(marker)) return false;
    }
  }
  return false;
}

/**
 * Two runs may find the same old marker: the second must not remove the one that the first has made since. What was moved away is
 * looked at again, and put back where it is a living run's.
 */
function removeOld(marker: string): boolean {
  const aside = `${marker}.${process.pid.toString()}`;
  try {
    renameSync(marker, aside);
  } catch {
    return false;
  }
  try {
    if (isOld(aside)) return true;
    linkSync(aside, marker);
    return false;
  } catch {
    return false;
  } finally {
    rmSync(aside, { force: true });
  }
}

function isOld(marker: string): boolean {
  try {
    return Math.abs(Date.now() - statSync(marker).mtimeMs) > MARKER_LIFE;
  } catch {
    return false;
  }
}
