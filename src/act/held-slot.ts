import { OLD_SLOT_MS } from '../core/limits.js';
import type { ServerDef } from '../core/model.js';
import { type Outcome, describeFailure, fail, ok } from '../core/outcome.js';
import { slotName } from '../core/slot.js';
import { pause, waitFor } from '../io/wait.js';
import type { HeldSession } from '../plugin/contract.js';
import type { Tools } from './actor.js';
import { dropSlot } from './slots.js';

/**
 * WAL that the master keeps while a server is made from it. The slot is a temporary one: it lives as long as our session
 * does, so whatever becomes of this process, nothing keeps WAL for nobody afterwards ("pg_create_physical_replication_slot").
 */
export interface HeldWal {
  /** The copy takes WAL by itself as it is written: what is older than a moment need not be kept. */
  release(): void;
  /** Aborted when the session was lost, and the WAL with it. */
  readonly lost: AbortSignal;
  /** Makes the server's own slot from it, at the same position: without a gap. */
  keep(): Promise<Outcome<void>>;
  close(): Promise<void>;
}

/** How often the session is used, so that nothing on the way takes it for dead, milliseconds. */
const BEAT_MS = 10_000;

const CREATE = 'SELECT pg_create_physical_replication_slot($1, true, true)';
/** Never backwards: that is an error, and an error would drop the slot. */
const ADVANCE = `SELECT pg_replication_slot_advance(slot_name, $2::pg_lsn) FROM pg_replication_slots
   WHERE slot_name = $1 AND restart_lsn < $2::pg_lsn`;
const POSITION = `SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END AS lsn`;

/** Holds WAL on `master` for `target`; `source` is the server that is copied, the master or a replica of it. */
export async function holdWal(
  tools: Tools,
  { master, source, target }: { readonly master: ServerDef; readonly source: ServerDef; readonly target: ServerDef },
): Promise<Outcome<HeldWal>> {
  const slot = slotName(`clone_${target.name}`);
  const { command_timeout: timeout } = tools.settings;
  const opened = await openWithSlot(tools, master, slot, timeout);
  if (!opened.ok) return opened;
  const session = opened.value;
  const lost = new AbortController();
  const ended = new AbortController();
  /** When it was last said that WAL is streamed: the position of a beat is safe once that was said well after it. */
  let streamed = Number.NEGATIVE_INFINITY;
  let before: { readonly at: number; readonly lsn: string } | null = null;
  const advance = async (): Promise<Outcome<unknown>> => {
    const safe = before !== null && streamed - before.at > BEAT_MS / 2 ? before.lsn : null;
    const found = await tools.sql.query(source, POSITION);
    const lsn = found.ok ? found.value[0]?.['lsn'] : null;
    before = lsn === undefined || lsn === null ? null : { at: performance.now(), lsn };
    return safe === null ? session.query('SELECT 1') : session.query(ADVANCE, [slot, safe]);
  };
  const beat = async (): Promise<void> => {
    for (;;) {
      await pause(BEAT_MS, ended.signal);
      if (ended.signal.aborted) return;
      const done = await advance();
      if (done.ok) continue;
      lost.abort(done.error);
      return;
    }
  };
  const beating = beat();
  return ok({
    release: () => {
      streamed = performance.now();
    },
    lost: lost.signal,
    keep: async () => {
      const own = slotName(target.name);
      const away = await dropUnused(tools, master, own);
      if (!away.ok) return away;
      const made = await session.query('SELECT pg_copy_physical_replication_slot($1, $2, false)', [slot, own]);
      return made.ok ? ok(undefined) : made;
    },
    close: async () => {
      ended.abort();
      await beating;
      await session.close();
    },
  });
}

async function openWithSlot(
  tools: Tools,
  master: ServerDef,
  slot: string,
  timeout: number,
): Promise<Outcome<HeldSession>> {
  let result: Outcome<HeldSession> = fail('aborted', 'interrupted before the copy began');
  const attempt = async (): Promise<boolean> => {
    const opened = await tools.sql.hold(master, { timeout, signal: tools.signal });
    result = opened;
    if (!opened.ok) return true;
    const made = await opened.value.query(CREATE, [slot]);
    if (made.ok) return true;
    await opened.value.close();
    result = made;
    // 42710: the slot of a run that was killed a moment ago.
    return made.error.cause !== '42710';
  };
  await waitFor(attempt, { deadline: OLD_SLOT_MS, every: 200, signal: tools.signal });
  return result;
}

/** Drops the slot that the server had before; one that its old WAL sender still uses is waited for. */
export async function dropUnused(tools: Tools, master: ServerDef, slot: string): Promise<Outcome<void>> {
  let last: Outcome<unknown> = ok(undefined);
  const gone = async (): Promise<boolean> => {
    last = await dropSlot(tools.sql, master, slot);
    if (!last.ok) return last.error.cause !== '55006';
    const left = await tools.sql.query(master, 'SELECT active_pid FROM pg_replication_slots WHERE slot_name = $1', [
      slot,
    ]);
    last = left;
    return !left.ok || left.value.length === 0;
  };
  const free = await waitFor(gone, { deadline: tools.settings.recovery_timeout, every: 200, signal: tools.signal });
  if (!last.ok) return last;
  if (free) return ok(undefined);
  return fail('step_failed', `the slot ${slot} on ${master.name} is still in use`, {
    server: master.name,
    hint: 'see who streams with it (pg_stat_replication), and end that',
  });
}

/** Why the copy has nothing to go on from any more, in words; null: the WAL is held. */
export function whyLost(held: HeldWal, master: ServerDef): string | null {
  if (!held.lost.aborted) return null;
  const error = held.lost.reason as Parameters<typeof describeFailure>[0];
  return `the session on ${master.name} that kept WAL for it was lost: ${describeFailure(error)}`;
}
