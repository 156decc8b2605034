import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readProcess } from '../state/process.js';
import { endServer } from './server.js';

/** Name of every throwaway folder's beginning. */
export const FOLDER_PREFIX = 'handyrep-cluster-';
const OWNER = 'owner';

/** Notes in a throwaway folder which process it belongs to. */
export function writeOwner(folder: string): void {
  writeFileSync(join(folder, OWNER), `${process.pid.toString()} ${readProcess(process.pid)?.started ?? ''}`);
}

/** Ends the servers below a throwaway folder and removes it; returns whom it killed. Never throws. */
export function removeCluster(folder: string): number[] {
  const killed = entries(folder).flatMap((name) => endServer(join(folder, name)));
  const remove = (path: string): void => rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
  try {
    // Whose it was goes last: where we are killed meanwhile, the next sweep knows what the rest is.
    for (const name of entries(folder)) if (name !== OWNER) remove(join(folder, name));
    remove(folder);
  } catch {
    // A file of somebody else's in there: the next sweep tries again.
  }
  return killed;
}

/** Removes the throwaway clusters of processes that were killed before they could do it themselves. */
export function sweepAbandoned(): void {
  for (const name of entries(tmpdir())) {
    const folder = join(tmpdir(), name);
    if (name.startsWith(FOLDER_PREFIX) && isAbandoned(folder)) removeCluster(folder);
  }
}

/** Whether a throwaway folder belongs to a process that is gone. */
export function isAbandoned(folder: string): boolean {
  try {
    const [pid = '', started = ''] = readFileSync(join(folder, OWNER), 'utf8').split(' ');
    return pid !== '' && readProcess(Number(pid))?.started !== started;
  } catch {
    // No owner is written yet, or it is not ours to read.
    return false;
  }
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
