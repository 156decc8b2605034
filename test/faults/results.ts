import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A line of the table of results. Times in milliseconds. */
export interface Result {
  readonly name: string;
  readonly what: string;
  readonly replication: 'asynchronous' | 'synchronous';
  /** What the checks found and did, in their order. */
  readonly decisions: string;
  readonly outage_ms: number;
  readonly acknowledged: number;
  readonly lost: number;
  readonly unacknowledged: number;
  readonly two_masters_ms: number;
  readonly longest_run_ms: number;
}

/** Keeps a result for the table, where one is asked for. */
export function keepResult(result: Result): void {
  const folder = process.env['HANDYREP_FAULT_RESULTS'];
  if (folder === undefined || folder === '') return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${result.name}.json`), JSON.stringify(result));
}
