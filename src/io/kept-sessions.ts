import type { ServerDef } from '../core/model.js';
import { KEPT_SESSION_MS, KEPT_SESSION_LEAST_MS } from '../core/limits.js';
import type { SqlOptions } from '../plugin/contract.js';
import { startDeadline, within } from './deadline.js';
import { type Session, openSession } from './session.js';
import { type SessionSource, type SqlSettings, loginFor } from './sql-session.js';

/**
 * One session a server, kept open between the rounds of `failover-check --for`: what is done in a failover need not connect, log in
 * and have a server process started for it. It answers no question by itself. Whoever takes one has it prove first that it lives; where
 * it does not at once, or another has it, a connection is made as if there were none.
 */
export interface KeptSessions extends SessionSource {
  /** From now on on these servers, and no others. Returns at once; where none can be had, the next call tries again. */
  keep(servers: readonly ServerDef[]): void;
  close(): Promise<void>;
}

/**
 * What is set is as after a login, whoever had it before. A server whose peer has vanished ends the session after a minute and a half,
 * not after two hours as Linux would ("TCP Settings").
 */
const LIKE_NEW =
  'RESET ALL; SET tcp_keepalives_idle = 60; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3';

export function createKeptSessions(settings: SqlSettings, signal: AbortSignal): KeptSessions {
  let kept: readonly Kept[] = [];
  const keep = (servers: readonly ServerDef[]): void => {
    const before = kept.filter((one) => !one.isGone());
    const wanted = (one: Kept): boolean => servers.some((server) => one.isOf(server));
    for (const one of before) if (!wanted(one)) void one.leave();
    const stay = before.filter(wanted);
    const missing = servers.filter((server) => !stay.some((one) => one.isOf(server)));
    kept = [...stay, ...missing.map((server) => new Kept(settings, server, signal))];
  };
  return {
    keep,
    take: async (server, options) => (await kept.find((one) => one.isOf(server))?.lend(settings, options)) ?? null,
    close: async () => {
      const last = kept;
      kept = [];
      await Promise.all(last.map((one) => one.leave()));
    },
  };
}

/** One session, from its opening to its end. */
class Kept {
  readonly #server: ServerDef;
  readonly #left = new AbortController();
  readonly #secrets: string[] = [];
  readonly #opening: Promise<void>;
  #session: Session | null = null;
  /** What opening it took: a new one would take as long. Milliseconds. */
  #took = 0;
  #state: 'opening' | 'free' | 'lent' | 'gone' = 'opening';

  constructor(settings: SqlSettings, server: ServerDef, signal: AbortSignal) {
    this.#server = server;
    this.#opening = this.#open(settings, AbortSignal.any([signal, this.#left.signal]));
  }

  isOf({ name, hostname, port }: ServerDef): boolean {
    return this.#server.name === name && this.#server.hostname === hostname && this.#server.port === port;
  }

  isGone(): boolean {
    return this.#state === 'gone' || this.#session?.isLost() === true;
  }

  /** Null: it is not there, somebody has it, or it did not prove in time that it lives. */
  async lend(
    { statement_timeout }: SqlSettings,
    options: Pick<SqlOptions, 'timeout' | 'signal'>,
  ): Promise<Awaited<ReturnType<SessionSource['take']>>> {
    const session = this.#session;
    if (session === null || this.#state !== 'free' || session.isLost()) return null;
    this.#state = 'lent';
    const limit = Math.max(1, Math.round(options.timeout ?? statement_timeout));
    const patience = Math.max(KEPT_SESSION_LEAST_MS, Math.min(KEPT_SESSION_MS, this.#took));
    const proof = startDeadline(patience, 'a kept session did not answer at once', options.signal);
    try {
      await within(session.client.query(`${LIKE_NEW}; SET statement_timeout = ${limit.toString()}`), proof.signal);
      return { session: this.#lent(session), secrets: this.#secrets };
    } catch {
      // A new connection tells what is wrong.
      this.#drop(session);
      return null;
    } finally {
      proof.cancel();
    }
  }

  /** Ends it, now or when it is given back. */
  async leave(): Promise<void> {
    this.#left.abort();
    await this.#opening;
    if (this.#state === 'free' && this.#session !== null) await this.#end(this.#session);
  }

  #lent(session: Session): Session {
    return {
      ...session,
      destroy: () => {
        this.#drop(session);
      },
      close: async () => {
        if (this.#left.signal.aborted || session.isLost()) await this.#end(session);
        else this.#state = 'free';
      },
    };
  }

  #drop(session: Session): void {
    this.#state = 'gone';
    session.destroy();
  }

  async #end(session: Session): Promise<void> {
    this.#state = 'gone';
    await session.close();
  }

  async #open(settings: SqlSettings, over: AbortSignal): Promise<void> {
    const { connect_timeout } = settings;
    const connecting = startDeadline(connect_timeout, `no answer in ${connect_timeout.toString()} ms`, over);
    const { login, secrets } = loginFor(settings, this.#server, {}, null);
    const began = performance.now();
    try {
      const { hostname: host, port } = this.#server;
      const session = await openSession({ host, port }, login, settings, connecting.signal);
      this.#took = performance.now() - began;
      this.#session = session;
      await within(session.client.query(LIKE_NEW), connecting.signal);
      this.#secrets.push(...secrets);
      this.#state = 'free';
    } catch {
      // Whoever needs the server connects, and tells what is wrong.
      if (this.#session === null) this.#state = 'gone';
      else this.#drop(this.#session);
    } finally {
      connecting.cancel();
    }
  }
}
