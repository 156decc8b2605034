import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { sweepAbandoned } from '../src/demo/abandoned.js';
import type { BenchSpec } from './bench.js';
import { BENCHES } from './catalogue.js';
import { type Section, sectionText, terminalText, withSection } from './document.js';
import type { Findings } from './figures.js';
import { describeMachine } from './machine.js';

/**
 * `npm run bench -- [NAME...]`: measures, and writes the sections that were measured into RESULTS.md; the others stay. Each bench
 * is a process group of its own, which is ended at its bound, and what it has left behind with it.
 */
const RESULTS = fileURLToPath(new URL('RESULTS.md', import.meta.url));
const ONE = fileURLToPath(new URL('one.ts', import.meta.url));
/** How long a bench that was told to end may clean up. */
const CLEANING_MS = 30_000;

const names = Object.keys(BENCHES);
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`there is no bench ${unknown.join(', ')}: ${names.join(', ')}\n`);
  process.exit(2);
}
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
for (const [name, spec] of Object.entries(BENCHES)) {
  if (stop.signal.aborted || (wanted.length > 0 && !wanted.includes(name))) continue;
  await measure(name, spec).catch((error: unknown) => {
    process.stderr.write(`bench ${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
}

async function measure(name: string, spec: BenchSpec): Promise<void> {
  const began = performance.now();
  process.stderr.write(`bench ${name}...\n`);
  const machine = await describeMachine(new Date());
  const findings = await findingsOf(name, spec.minutes * 60_000);
  const { title, what } = spec;
  const section: Section = { name, title, what, machine, findings };
  process.stdout.write(terminalText(section));
  process.stderr.write(`bench ${name} took ${((performance.now() - began) / 1000).toFixed(0)} s\n`);
  const document = await readFile(RESULTS, 'utf8').catch(() => '');
  await writeFile(RESULTS, withSection(document, name, sectionText(section), names));
}

async function findingsOf(name: string, bound: number): Promise<Findings> {
  const child = spawn(process.execPath, ['--import', 'tsx', ONE, name], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const said: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => said.push(chunk));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  const end = (): void => void child.kill('SIGTERM');
  const timers = [setTimeout(end, bound), setTimeout(() => child.kill('SIGKILL'), bound + CLEANING_MS)];
  stop.signal.addEventListener('abort', end, { once: true });
  const began = performance.now();
  try {
    const code = await ended;
    if (code === 0) return JSON.parse(Buffer.concat(said).toString('utf8')) as Findings;
    if (stop.signal.aborted) throw new Error('interrupted');
    throw new Error(performance.now() - began >= bound ? `not done within ${bound / 60_000} minutes` : 'failed');
  } finally {
    timers.forEach(clearTimeout);
    stop.signal.removeEventListener('abort', end);
    endGroup(child.pid);
    sweepAbandoned();
  }
}

/** Whatever a bench has started in its group and not ended. */
function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody is left.
  }
}
