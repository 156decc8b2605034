import { PROMOTION_NUDGE_MS } from '../core/limits.js';
import type { ServerDef } from '../core/model.js';
import { pause } from '../io/wait.js';
import type { SqlUser } from '../plugin/contract.js';
import type { Actor } from './actor.js';

/**
 * A replica that is asked for its promotion just when it has asked for a new WAL receiver, and has none yet, puts the promotion off for
 * `wal_retrieve_retry_interval`: it has taken the request, and sleeps (xlogrecovery.c, WaitForWALToBecomeAvailable; until
 * PostgreSQL 14 xlog.c). Any signal wakes it, and a reload is one that changes nothing else. Nobody is woken but who sleeps there.
 */
const WAKE = `SELECT pg_reload_conf() FROM pg_stat_activity
WHERE backend_type = 'startup' AND wait_event = 'RecoveryRetrieveRetryInterval' AND pg_is_in_recovery()`;

/** Runs a promotion; meanwhile a server that sleeps instead is woken. Gives how often it was. */
export async function withNudges<T>(
  actor: Actor,
  server: ServerDef,
  promotion: Promise<T>,
): Promise<{ readonly done: T; readonly woken: number }> {
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, actor.signal]);
  let woken = 0;
  const nudge = async (): Promise<void> => {
    let user: SqlUser = 'handyrep';
    for (;;) {
      await pause(PROMOTION_NUDGE_MS, signal);
      if (signal.aborted) return;
      const asked = await actor.sql.query(server, WAKE, [], { user, signal });
      if (asked.ok) woken += asked.value.length;
      // 42501: our role may not. A server that answers nothing now may do so later, and the promotion tells of its own trouble.
      else if (asked.error.cause === '42501') user = 'superuser';
    }
  };
  const nudging = nudge();
  try {
    return { done: await promotion, woken };
  } finally {
    over.abort();
    await nudging;
  }
}
