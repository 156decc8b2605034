import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import type { ProcessIdentity } from '../core/model.js';
import { systemClock } from '../io/clock.js';
import { readProcess } from './process.js';

/** This process, for others to tell whether it still lives. */
export function thisProcess(): ProcessIdentity {
  const { pid } = process;
  const started = readProcess(pid)?.started ?? '';
  return { pid, started, host: hostname(), machine: machine(), boot_id: systemClock.bootId() };
}

/** Whether a process still lives; one of another machine cannot be judged from here. */
export function fateOf(one: ProcessIdentity): 'alive' | 'dead' | 'elsewhere' {
  if (one.host !== hostname() || one.machine !== machine()) return 'elsewhere';
  if (one.boot_id !== systemClock.bootId()) return 'dead';
  return isSameProcess(one.pid, one.started) ? 'alive' : 'dead';
}

function machine(): string {
  return `${readOr('/etc/machine-id')}/${pidNamespace()}`;
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

/** The initial one has a number of its own on every Linux, so that a reboot does not change it. */
function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

function isSameProcess(pid: number, started: string): boolean {
  if (started !== '') {
    const line = readProcess(pid);
    return line !== null && line.started === started && line.state !== 'Z' && line.state !== 'X';
  }
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives, and is somebody else's.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
