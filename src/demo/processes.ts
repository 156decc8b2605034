import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, readProcess } from '../state/process.js';

/** A process and all its descendants that run, the process itself first. */
export function processTree(root: number): number[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readProcess(Number(name)))
    .filter((line) => line !== null && line.state !== 'Z' && line.state !== 'X');
  const tree = isAlive(root) ? [root] : [];
  // The list grows while it is walked: children of children are found on the way.
  for (const parent of tree) {
    for (const line of all) if (line !== null && line.parent === parent) tree.push(line.pid);
  }
  return tree;
}

/** Sends a signal; false when there is no such process any more. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

/**
 * Stops a process and its descendants from running on. The root is stopped first, so that it cannot start another child
 * between the look and the signal.
 */
export function freezeTree(root: number): number[] {
  signal(root, 'SIGSTOP');
  const tree = processTree(root);
  for (const pid of tree) signal(pid, 'SIGSTOP');
  return tree;
}

/** Kills a process and its descendants without warning; returns who was killed. */
export function killProcesses(root: number): number[] {
  const tree = freezeTree(root);
  for (const pid of tree) signal(pid, 'SIGKILL');
  return tree;
}

/** Waits until none of these processes runs; false when some still do at the deadline. */
export async function waitGone(pids: readonly number[], deadline_ms: number): Promise<boolean> {
  const until = performance.now() + deadline_ms;
  while (pids.some(isAlive)) {
    if (performance.now() > until) return false;
    await sleep(5);
  }
  return true;
}

/** The postmaster of a data directory by its postmaster.pid, if that process runs and is really of this directory. */
export function postmasterPid(pgdata: string): number | null {
  try {
    const pid = Number(readFileSync(join(pgdata, 'postmaster.pid'), 'utf8').split('\n', 1)[0]);
    if (!Number.isInteger(pid) || pid <= 1 || !isAlive(pid)) return null;
    // The kernel may have given the number of a dead postmaster to somebody else.
    return readlinkSync(`/proc/${pid.toString()}/cwd`) === pgdata ? pid : null;
  } catch {
    return null;
  }
}
