import { type Outcome, ok } from '../../src/core/outcome.js';
import { type BouncerWork, talk } from './console.js';
import type { Entry } from './entries.js';

/** How long it may take to connect to servers that answer, milliseconds; pgbouncer tries three times a second. */
const HURRY_MS = 1500;

/**
 * A pool that could not connect to the old master waits `server_login_retry` (15 s) before it tries the new one, and so do its
 * clients. While any of them waits, that time is nothing. Its trouble is none of the move, which would only take longer; but where
 * the time is not taken back, or we are killed meanwhile, the change stays owed, and the RELOAD of a later one does it: that
 * brings back what the configuration says of it, or pgbouncer's default.
 */
export async function hurry(work: BouncerWork, entries: readonly Entry[]): Promise<Outcome<void>> {
  const nothing = ok(undefined);
  if (!(await anyWaits(work, entries))) return nothing;
  const config = await talk(work, ['SHOW CONFIG']);
  const row = config.ok ? config.value[0]?.find((one) => one['key'] === 'server_login_retry') : undefined;
  const usual = row?.['value'] ?? '';
  if (!/^\d+(\.\d+)?$/.test(usual)) return nothing;
  await talk(work, ['SET server_login_retry = 0']);
  const until = performance.now() + HURRY_MS;
  while (performance.now() < until && !work.context.signal.aborted && (await anyWaits(work, entries))) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const back = await talk(work, [`SET server_login_retry = ${usual}`]);
  return back.ok ? nothing : back;
}

async function anyWaits(work: BouncerWork, entries: readonly Entry[]): Promise<boolean> {
  const pools = await talk(work, ['SHOW POOLS']);
  if (!pools.ok) return false;
  return (pools.value[0] ?? []).some(
    (pool) => entries.some(({ name }) => name === pool['database']) && Number(pool['cl_waiting']) > 0,
  );
}
