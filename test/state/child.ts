import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface Child {
  readonly process: ChildProcess;
  readonly pid: number;
  /** The first line that it says; rejects when it ends without one. */
  readonly first: Promise<string>;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

/** Runs a TypeScript file beside the tests as a child of its own. */
export function runChild(name: string, args: readonly string[]): Child {
  const file = fileURLToPath(new URL(name, import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', file, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<number | string>((resolve) => {
    child.once('exit', (code, signal) => {
      resolve(code ?? signal ?? 'unknown');
    });
  });
  const first = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    void ended.then((how) => {
      reject(new Error(`${name} ended (${how.toString()}) without a word`));
    });
  });
  first.catch(() => undefined);
  return { process: child, pid: child.pid ?? 0, first, ended };
}
