import type { ServerDef } from '../core/model.js';
import { pause } from '../io/wait.js';
import type { HeldSession, SqlPort } from '../plugin/contract.js';

/**
 * A session held on the master between two rounds of `failover-check --for`: when it ends, or a heartbeat on it is not
 * answered, the next round begins at once. It decides nothing: what is decided on is what that round sees for itself.
 */
export interface Sentinel {
  /** Holds a session on this server from now on; null: on none. One that is held already is kept. */
  watch(master: ServerDef | null): void;
  /** Waits so many milliseconds, or until there is a reason to look; gives whether there was one. */
  wait(ms: number): Promise<boolean>;
  close(): Promise<void>;
}

/** Between two heartbeats, and how long one may take: longer than a busy server needs, milliseconds. */
const BEAT_MS = 1000;
/** A server that ends our sessions again and again gets no more than this many rounds: one in so many milliseconds. */
const CALM_MS = 2000;

export function createSentinel(sql: SqlPort, signal: AbortSignal, tell: (why: string) => void): Sentinel {
  let post: Post | null = null;
  let reason: AbortController = new AbortController();
  let lastEarly = Number.NEGATIVE_INFINITY;
  const ended = (from: Post, why: string | null): void => {
    if (from !== post) return;
    // The next round that finds the master well holds a new one.
    post = null;
    if (why === null) return;
    tell(why);
    reason.abort();
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
      await pause(ms - calm, AbortSignal.any([signal, reason.signal]));
      const early = reason.signal.aborted && !signal.aborted;
      if (early) lastEarly = performance.now();
      reason = new AbortController();
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

  constructor(server: ServerDef, sql: SqlPort, signal: AbortSignal, ended: (from: Post, why: string | null) => void) {
    this.server = server;
    const over = AbortSignal.any([signal, this.#left.signal]);
    this.#work = this.#hold(sql, over).then((why) => {
      if (!over.aborted) ended(this, why);
    });
  }

  /** Ends it; nothing is said any more. */
  leave(): Promise<void> {
    this.#left.abort();
    return this.#work;
  }

  /** Why there is a reason to look; null where a session could not be had: the round that comes will see for itself. */
  async #hold(sql: SqlPort, over: AbortSignal): Promise<string | null> {
    const opened = await sql.hold(this.server, { timeout: BEAT_MS, signal: over });
    if (!opened.ok) return null;
    const session = opened.value;
    try {
      return await this.#beat(session, over);
    } finally {
      await session.close();
    }
  }

  async #beat(session: HeldSession, over: AbortSignal): Promise<string> {
    const end = new AbortController();
    const ended = `the session held on ${this.server.name} ended`;
    void session.ended.then(() => {
      end.abort();
    });
    const rest = AbortSignal.any([over, end.signal]);
    while (!rest.aborted) {
      const answer = await session.query('SELECT 1');
      if (end.signal.aborted) break;
      if (!answer.ok) return `${this.server.name} did not answer a heartbeat: ${answer.error.message}`;
      await pause(BEAT_MS, rest);
    }
    return ended;
  }
}
