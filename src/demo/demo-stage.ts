import { access } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { HandyRepError } from '../core/outcome.js';
import type { HandyRep } from '../service/handyrep.js';
import type { CheckReport } from '../service/reports.js';
import type { DemoCluster } from './cluster.js';
import type { Tell } from './demo-event.js';
import type { DemoServer } from './server.js';
import type { Writer } from './writer.js';

export interface DemoOptions {
  readonly tell: Tell;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** What the acts of the demo play with. */
export interface Stage extends DemoOptions {
  readonly cluster: DemoCluster;
  readonly handyrep: HandyRep;
  readonly writer: Writer;
}

/** One run of what crontab runs, told. Throws {@link HandyRepError} where it gives no decision. */
export async function checkOnce({ handyrep, tell }: Stage): Promise<CheckReport> {
  const report = await handyrep.failoverCheck();
  if (!('decision' in report)) throw failure('step_failed', report.details);
  tell({ kind: 'check', report });
  return report;
}

/** Between the acts: an interrupted demo goes no further. */
export function unlessInterrupted({ signal }: DemoOptions): void {
  if (signal.aborted) throw failure('aborted', 'interrupted');
}

export function failure(code: 'aborted' | 'command_timeout' | 'step_failed', message: string): HandyRepError {
  return new HandyRepError({ code, message });
}

export async function isWritable(server: DemoServer): Promise<boolean> {
  const [row] = await server.sql('SELECT pg_is_in_recovery() AS in_recovery');
  return row?.['in_recovery'] === 'f';
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Waits for a condition; gives up after so many milliseconds, and when the demo is interrupted. */
export async function within(
  { signal }: DemoOptions,
  ms: number,
  condition: () => boolean | Promise<boolean>,
): Promise<boolean> {
  const until = performance.now() + ms;
  while (!(await condition())) {
    if (performance.now() > until || signal.aborted) return false;
    await sleep(20);
  }
  return true;
}
