import { execFile } from 'node:child_process';

const DEADLINE_MS = 120_000;

/** Runs a program to its end; its output, or an error that holds it. */
export function run(program: string, argv: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, [...argv], { timeout: DEADLINE_MS }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${program} ${argv.join(' ')}: ${stdout}${stderr}`, { cause: error }));
    });
  });
}

/** Minimum, median and maximum as one line of a table. */
export function spread(name: string, all: readonly number[]): { readonly line: string; readonly median: number } {
  const sorted = all.toSorted((a, b) => a - b);
  const [min = Number.NaN, median = Number.NaN, max = Number.NaN] = [0, 0.5, 1].map(
    (share) => sorted[Math.round((sorted.length - 1) * share)],
  );
  const numbers = [min, median, max].map((ms) => ms.toFixed(0).padStart(8)).join('');
  return { line: `${name.padEnd(50)}${numbers}`, median };
}
