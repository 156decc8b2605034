import { readFileSync } from 'node:fs';

/** One process, told from every other one that had or will have its number. */
export interface ProcessLine {
  readonly pid: number;
  readonly parent: number;
  readonly state: string;
  /** Ticks since boot. */
  readonly started: string;
}

/** One line of the process table; null when the process is gone, or where there is no /proc. */
export function readProcess(pid: number): ProcessLine | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid.toString()}/stat`, 'utf8');
  } catch {
    return null;
  }
  // The command's name may hold spaces and parentheses: fields are counted from its last parenthesis.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state = '', parent = '0'] = fields;
  return { pid, parent: Number(parent), state, started: fields[19] ?? '' };
}

/** Whether a process runs; one that has ended and waits to be collected does not. */
export function isAlive(pid: number): boolean {
  const line = readProcess(pid);
  return line !== null && line.state !== 'Z' && line.state !== 'X';
}
