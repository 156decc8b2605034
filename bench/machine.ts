import { cpus, loadavg, release, totalmem } from 'node:os';
import { findBinaries } from '../src/demo/binaries.js';
import { RUNS } from './counts.js';

/** What a section is about to be measured on, in a line. On a machine that is busy by then it says little. */
export async function describeMachine(now: Date): Promise<string> {
  const all = cpus();
  const binaries = await findBinaries();
  return [
    now.toISOString().slice(0, 10),
    `${all.length} cores (${all[0]?.model.trim() ?? 'unknown'})`,
    `${Math.round(totalmem() / 1024 ** 3)} GB`,
    `Linux ${release()}`,
    `Node ${process.version}`,
    binaries.ok ? `PostgreSQL ${binaries.value.major}` : 'no PostgreSQL',
    `${RUNS} runs`,
    `load average ${(loadavg()[0] ?? 0).toFixed(1)} when it began`,
  ].join(', ');
}
