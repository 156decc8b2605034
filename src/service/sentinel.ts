import { lateAfter } from '../core/patience.js';
import type { ServerDef } from '../core/model.js';
import { pause } from '../io/wait.js';
import type { HeldSession, SqlPort } from '../plugin/contract.js';
import type { Sign } from './doubt.js';

/**
 * A session held on the master between two rounds of `failover-check --for`: when it ends, or a heartbeat on it is late, the next
 * round begins at once. It decides nothing: what is decided on is what that round sees for itself.
 */
export interface Sentinel {
  /** Holds a session on this server from now on; null: on none. One that is held already is kept. */
  watch(master: ServerDef | null): void;
  /** Waits so many milliseconds, or until there is a reason to look; gives that reason. */
  wait(ms: number): Promise<Sign | null>;
  close(): Promise<void>;
}

/** Between two heartbeats, milliseconds. */
const BEAT_MS = 250;
/** How long the session may take to open, and the longest that a heartbeat is waited for, milliseconds. */
const PATIENCE_MS = 1000;
/** So many heartbeats tell what is usual. */
const REMEMBERED = 8;
/** A server that ends our sessions again and again gets no more than this many rounds: one in so many milliseconds. */
const CALM_MS = 2000;

export function createSentinel(sql: SqlPort, signal: AbortSignal, tell: (why: string) => void): Sentinel {
  let post: Post | null = null;
  let waking = new AbortController();
  let reason: Sign | null = null;
  let lastEarly = Number.NEGATIVE_INFINITY;
  const ended = (from: Post, why: Sign | null): void => {
    if (from !== post) return;
    // The next round that finds the master well holds a new one.
    post = null;
    if (why === null) return;
    tell(why.what);
    reason = why;
    waking.abort();
  };
  return {
    watch: (master) => {
      if (post !== null && master !== null && isSame(post.server, master)) return;
      void post?.leave();
      post = master === null ? null : new Post(master, sql, signal, ended);
    },
    wait: async (ms) => {
      const began = performance.now();
      const calm = Math.max(0, Math.min(ms, lastEarly + CALM_MS - began));
      await pause(calm, signal);
      await pause(ms - calm, AbortSignal.any([signal, waking.signal]));
      const early = signal.aborted ? null : reason;
      if (early !== null) lastEarly = performance.now();
      waking = new AbortController();
      reason = null;
      return early;
    },
    close: async () => {
      const last = post;
      post = null;
      await last?.leave();
    },
  };
}

function isSame(a: ServerDef, b: ServerDef): boolean {
  return a.name === b.name && a.hostname === b.hostname && a.port === b.port;
}

/** One session, from its opening to its end. */
class Post {
  readonly server: ServerDef;
  readonly #left = new AbortController();
  readonly #work: Promise<void>;

  constructor(server: ServerDef, sql: SqlPort, signal: AbortSignal, ended: (from: Post, why: Sign | null) => void) {
    this.server = server;
    const over = AbortSignal.any([signal, this.#left.signal]);
    this.#work = this.#hold(sql, over, (why) => {
      if (!over.aborted) ended(this, why);
    });
  }

  /** Ends it; nothing is said any more. */
  leave(): Promise<void> {
    this.#left.abort();
    return this.#work;
  }

  /** Tells why there is a reason to look; null where a session could not be had: the round that comes will see for itself. */
  async #hold(sql: SqlPort, over: AbortSignal, tell: (why: Sign | null) => void): Promise<void> {
    const opened = await sql.hold(this.server, { timeout: PATIENCE_MS, signal: over });
    if (!opened.ok) {
      tell(null);
      return;
    }
    const session = opened.value;
    try {
      // Told before the session is closed: that takes a moment where nobody answers.
      tell(await this.#beat(session, over));
    } finally {
      await session.close();
    }
  }

  async #beat(session: HeldSession, over: AbortSignal): Promise<Sign> {
    const end = new AbortController();
    void session.ended.then(() => {
      end.abort();
    });
    const rest = AbortSignal.any([over, end.signal]);
    const took: number[] = [];
    while (!rest.aborted) {
      const at = Date.now();
      const began = performance.now();
      const answer = await this.#inTime(session, took, rest);
      if (end.signal.aborted) break;
      if (answer !== null)
        return { at, what: `${this.server.name} did not answer a heartbeat: ${answer}`, overdue: true };
      took.push(performance.now() - began);
      await pause(BEAT_MS, rest);
    }
    return { at: Date.now(), what: `the session held on ${this.server.name} ended`, overdue: false };
  }

  /** One heartbeat; what is wrong with it, null where it was answered in time. */
  async #inTime(session: HeldSession, took: readonly number[], rest: AbortSignal): Promise<string | null> {
    const usual = took.length === 0 ? null : Math.max(...took.slice(-REMEMBERED));
    const patience = Math.min(PATIENCE_MS, lateAfter(usual, PATIENCE_MS));
    const answered = new AbortController();
    const asking = session.query('SELECT 1').finally(() => {
      answered.abort();
    });
    await pause(patience, AbortSignal.any([answered.signal, rest]));
    if (!answered.signal.aborted) return `no answer in ${patience.toFixed(0)} ms`;
    const answer = await asking;
    return answer.ok ? null : answer.error.message;
  }
}
