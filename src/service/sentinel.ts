import { FIRST_HEARTBEAT_SQL, HEARTBEAT_SQL, parseHeartbeat } from '../core/heartbeat.js';
import { lateAfter } from '../core/patience.js';
import type { ServerDef } from '../core/model.js';
import type { Heartbeat } from '../core/observation.js';
import type { Outcome } from '../core/outcome.js';
import { pause } from '../io/wait.js';
import type { HeldSession, SqlPort, SqlRow } from '../plugin/contract.js';
import type { Sign } from './doubt.js';

/**
 * A session held on the master during `failover-check --for`: when it ends, or a heartbeat on it is late, the next round begins at
 * once, and one that is under way is given up for it where it has seen nothing wrong. It decides nothing: what is decided on is what
 * that round sees for itself. What its heartbeats tell of the master's position only narrows what a failover says of its loss.
 */
export interface Sentinel {
  /** Holds a session on this server from now on; null: on none. One that is held already is kept. */
  watch(master: ServerDef | null): void;
  /** Waits so many milliseconds, or until there is a reason to look; gives that reason. */
  wait(ms: number): Promise<Sign | null>;
  /** Aborted when there is a reason to look; each wait ends with a new one. */
  alarm(): AbortSignal;
  /** The last heartbeat that told a position, of the server that is or was watched last. */
  heartbeat(): Heartbeat | null;
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
  let last: { readonly server: ServerDef; beat: Beat | null } | null = null;
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
  const open = (master: ServerDef): Post => {
    if (last === null || !isSame(last.server, master)) last = { server: master, beat: null };
    const own = last;
    return new Post(master, sql, signal, { ended, beat: (beat) => void (own.beat = beat) });
  };
  return {
    watch: (master) => {
      if (post !== null && master !== null && isSame(post.server, master)) return;
      void post?.leave();
      post = master === null ? null : open(master);
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
    alarm: () => waking.signal,
    heartbeat: () => (last?.beat == null ? null : heartbeatOf(last.server, last.beat)),
    close: async () => {
      const held = post;
      post = null;
      await held?.leave();
    },
  };
}

function isSame(a: ServerDef, b: ServerDef): boolean {
  return a.name === b.name && a.hostname === b.hostname && a.port === b.port;
}

/** A heartbeat that was answered with a position, and when it was asked, by both clocks. */
interface Beat extends Pick<Heartbeat, 'system_identifier' | 'timeline' | 'lsn'> {
  readonly wall: number;
  readonly monotonic: number;
}

/** The one of our clocks may have been set since, and the other does not go on while this host sleeps: the older word counts. */
function heartbeatOf({ name }: ServerDef, { wall, monotonic, ...position }: Beat): Heartbeat {
  const age = Math.max(Date.now() - wall, performance.now() - monotonic);
  return { server: name, at: Math.round(Date.now() - age), ...position };
}

/** Who is told of what happens on a session. */
interface Ears {
  readonly ended: (from: Post, why: Sign | null) => void;
  readonly beat: (beat: Beat) => void;
}

/** One session, from its opening to its end. */
class Post {
  readonly server: ServerDef;
  readonly #left = new AbortController();
  readonly #work: Promise<void>;

  constructor(server: ServerDef, sql: SqlPort, signal: AbortSignal, { ended, beat }: Ears) {
    this.server = server;
    const over = AbortSignal.any([signal, this.#left.signal]);
    const tell = (why: Sign | null): void => {
      if (!over.aborted) ended(this, why);
    };
    this.#work = this.#hold(sql, over, { tell, beat });
  }

  /** Ends it; nothing is said any more. */
  leave(): Promise<void> {
    this.#left.abort();
    return this.#work;
  }

  /** Tells why there is a reason to look; null where a session could not be had: the round that comes will see for itself. */
  async #hold(
    sql: SqlPort,
    over: AbortSignal,
    { tell, beat }: Pick<Ears, 'beat'> & { readonly tell: (why: Sign | null) => void },
  ): Promise<void> {
    const opened = await sql.hold(this.server, { timeout: PATIENCE_MS, signal: over });
    if (!opened.ok) {
      tell(null);
      return;
    }
    const session = opened.value;
    try {
      // Told before the session is closed: that takes a moment where nobody answers.
      tell(await this.#listen(session, over, beat));
    } finally {
      await session.close();
    }
  }

  async #listen(session: HeldSession, over: AbortSignal, beat: Ears['beat']): Promise<Sign> {
    const end = new AbortController();
    void session.ended.then(() => {
      end.abort();
    });
    const rest = AbortSignal.any([over, end.signal]);
    const took: number[] = [];
    let system: string | null = null;
    while (!rest.aborted) {
      const [wall, monotonic] = [Date.now(), performance.now()];
      const answer = await this.#inTime(
        session,
        { took, text: system === null ? FIRST_HEARTBEAT_SQL : HEARTBEAT_SQL },
        rest,
      );
      const row = typeof answer === 'string' ? null : (answer[0] ?? {});
      system ??= row?.['system_identifier'] ?? null;
      const position = row === null ? null : parseHeartbeat(row);
      if (position !== null && system !== null) beat({ ...position, system_identifier: system, wall, monotonic });
      if (end.signal.aborted) break;
      if (typeof answer === 'string')
        return { at: wall, what: `${this.server.name} did not answer a heartbeat: ${answer}`, overdue: true };
      took.push(performance.now() - monotonic);
      await pause(BEAT_MS, rest);
    }
    return { at: Date.now(), what: `the session held on ${this.server.name} ended`, overdue: false };
  }

  /** What one heartbeat gives; or what is wrong with it, where it was not answered in time. */
  async #inTime(
    session: HeldSession,
    { took, text }: { readonly took: readonly number[]; readonly text: string },
    rest: AbortSignal,
  ): Promise<readonly SqlRow[] | string> {
    const usual = took.length === 0 ? null : Math.max(...took.slice(-REMEMBERED));
    const patience = Math.min(PATIENCE_MS, lateAfter(usual, PATIENCE_MS));
    let answer: Outcome<SqlRow[]> | null = null;
    const answered = new AbortController();
    void session.query(text).then((outcome) => {
      answer = outcome;
      answered.abort();
    });
    await pause(patience, AbortSignal.any([answered.signal, rest]));
    return wordOf(answer, patience);
  }
}

function wordOf(answer: Outcome<SqlRow[]> | null, patience: number): readonly SqlRow[] | string {
  if (answer === null) return `no answer in ${patience.toFixed(0)} ms`;
  if (answer.ok) return answer.value;
  // Who refuses a question lives.
  return answer.error.code === 'sql_query' ? [] : answer.error.message;
}
