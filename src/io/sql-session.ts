import type { ServerDef } from '../core/model.js';
import type { Reach } from '../core/observation.js';
import { ok, type Outcome } from '../core/outcome.js';
import { classifyReach, codeOf, OWN_CODE } from '../core/reach.js';
import type { SqlOptions, SqlRow, SqlUser, Statement } from '../plugin/contract.js';
import { CodedError, startDeadline, within, type Deadline } from './deadline.js';
import { PhaseError } from './dial.js';
import { findPassword } from './passfile.js';
import { openSession, type Login, type Session } from './session.js';
import { connectFailure, queryFailure, type Failed } from './sql-failure.js';
import type { TlsSettings } from './tls.js';

/** What the SQL port is built from. Times in milliseconds. */
export interface SqlSettings extends TlsSettings {
  readonly handyrep_db: string;
  readonly users: Readonly<Record<SqlUser, string>>;
  /** Null: the password file decides. */
  readonly passwords: Readonly<Record<SqlUser, string | null>>;
  readonly connect_timeout: number;
  readonly statement_timeout: number;
  /** Where `PGPASSFILE` and `HOME` are looked up; default: this process's own. No other variable counts. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** A session that could not be had, in both of the forms that callers want. */
export interface NoSession {
  readonly kind: 'none';
  readonly reach: Reach;
  readonly failed: Failed;
}

/** A session with what bounds and ends it. */
export interface OpenSession {
  readonly kind: 'open';
  /** Runs one statement; simple protocol where there are no parameters and `simple` is asked for. */
  run(statement: Statement, protocol?: 'simple'): Promise<StatementResult>;
  /** See {@link Session.ended}. */
  readonly ended: Promise<void>;
  close(): Promise<void>;
}

export interface StatementResult {
  readonly outcome: Outcome<SqlRow[]>;
  /** Not null: the connection is gone, and so is every statement after this one. */
  readonly lost: Reach | null;
}

/** Opens sessions; the statements of SQL and of the replication protocol go through it alike. */
export type Opener = (
  server: ServerDef,
  options: SqlOptions,
  replication: Login['replication'],
  life?: Life,
) => Promise<OpenSession | NoSession>;

/** `call`: the timeout is for everything that is done with the session; `held`: for connecting, and for each statement. */
type Life = 'call' | 'held';

/** Where a session may be had that is open already. */
export interface SessionSource {
  /** One that has just proved that it lives, as our role in our database; null: connect. It is given back by its `close`. */
  take(
    server: ServerDef,
    options: Pick<SqlOptions, 'timeout' | 'signal'>,
  ): Promise<{ readonly session: Session; readonly secrets: readonly string[] } | null>;
}

/** Opens a session for one call on one server; `kept`: takes one that is open already, where that serves. */
export async function openFor(
  settings: SqlSettings,
  server: ServerDef,
  options: SqlOptions,
  replication: Login['replication'],
  life: Life = 'call',
  kept: SessionSource | null = null,
): Promise<OpenSession | NoSession> {
  const { connect_timeout, statement_timeout } = settings;
  const whole = options.timeout ?? connect_timeout + statement_timeout;
  const call = startDeadline(whole, `no answer in ${String(whole)} ms`, options.signal);
  const opened = (session: Session, secrets: readonly string[]): OpenSession => {
    if (life === 'call') return openedSession(server, session, { secrets, call, each: () => call });
    call.cancel();
    const each = (): Deadline => startDeadline(whole, `no answer in ${String(whole)} ms`, options.signal);
    return openedSession(server, session, { secrets, call: null, each });
  };
  const serves = replication === null && (options.user ?? 'handyrep') === 'handyrep' && options.database === undefined;
  const ready = serves ? ((await kept?.take(server, { ...options, signal: call.signal })) ?? null) : null;
  if (ready !== null) return opened(ready.session, ready.secrets);
  const patience = Math.min(connect_timeout, whole);
  const connecting = startDeadline(patience, `no answer in ${String(patience)} ms`, call.signal);
  const { login, secrets } = loginFor(settings, server, options, replication);
  try {
    const endpoint = { host: server.hostname, port: server.port };
    return opened(await openSession(endpoint, login, settings, connecting.signal), secrets);
  } catch (thrown) {
    call.cancel();
    const { phase, error } = thrown instanceof PhaseError ? thrown : new PhaseError('local', thrown);
    const reach = classifyReach(error, phase);
    return { kind: 'none', reach, failed: connectFailure(server, login.user, reach, error) };
  } finally {
    connecting.cancel();
  }
}

/** Who logs in, and what of it must never be shown. */
export function loginFor(
  settings: SqlSettings,
  server: ServerDef,
  options: SqlOptions,
  replication: Login['replication'],
): { readonly login: Login; readonly secrets: string[] } {
  const who = options.user ?? (replication === null ? 'handyrep' : 'replication');
  const user = settings.users[who];
  const database = options.database ?? settings.handyrep_db;
  const configured = settings.passwords[who];
  const secrets = Object.values(settings.passwords).filter((one) => one !== null);
  const password: Login['password'] = async () => {
    if (configured !== null) return { password: configured };
    const wanted = { host: server.hostname, port: server.port, user };
    const found = await findPassword(
      // libpq looks a physical replication connection up under this name.
      { ...wanted, database: replication === 'true' ? 'replication' : database },
      settings.env ?? process.env,
    );
    if (found.kind === 'absent') return { why: found.why };
    secrets.push(found.password);
    return { password: found.password };
  };
  const statement_timeout = options.timeout ?? settings.statement_timeout;
  return { login: { user, database, replication, statement_timeout, password }, secrets };
}

interface Bounds {
  readonly secrets: readonly (string | null)[];
  /** Of the whole session; null where only each statement has one. */
  readonly call: Deadline | null;
  /** Of the next statement. */
  readonly each: () => Deadline;
}

function openedSession(server: ServerDef, session: Session, { secrets, call, each }: Bounds): OpenSession {
  let over: CodedError | null = null;
  return {
    kind: 'open',
    ended: session.ended,
    run: async (statement, protocol) => {
      if (over !== null) return { outcome: queryFailure(server, over, secrets), lost: null };
      const deadline = each();
      try {
        return { outcome: ok(await runStatement(session, statement, deadline.signal, protocol)), lost: null };
      } catch (thrown) {
        const late = codeOf(thrown) === OWN_CODE.deadline || codeOf(thrown) === OWN_CODE.aborted;
        const error = await lossOrError(session, thrown, late);
        const outcome = queryFailure(server, error, secrets);
        if (late) over = new CodedError(codeOf(thrown), 'there was no time left for it');
        else if (session.isLost()) over = new CodedError(OWN_CODE.eof, 'the connection was lost before it');
        // It let us in a moment ago: no answer in time is slowness, which the failed statement tells.
        return { outcome, lost: late || over === null ? null : classifyReach(error, 'session') };
      } finally {
        if (deadline !== call) deadline.cancel();
      }
    },
    close: async () => {
      call?.cancel();
      if (over === null) await session.close();
      else session.destroy();
    },
  };
}

async function runStatement(
  session: Session,
  { text, params = [] }: Statement,
  signal: AbortSignal,
  protocol?: 'simple',
): Promise<SqlRow[]> {
  // The extended protocol takes one statement only, so nothing can be smuggled in behind a semicolon.
  const mode = protocol === 'simple' ? {} : { values: [...params], queryMode: 'extended' as const };
  const result = await within(session.client.query<SqlRow>({ text, ...mode }), signal);
  return result.rows;
}

/** An error without a code from a connection that has ended is that end; the end may be noticed a moment later. */
async function lossOrError(session: Session, error: unknown, late: boolean): Promise<unknown> {
  if (late || codeOf(error) !== '') {
    // After FATAL the server hangs up: waiting for it tells that the connection is gone.
    if (codeOf(error).startsWith('57P') || codeOf(error) === '25P03') await session.gone();
    return error;
  }
  return session.isLost() ? new CodedError(OWN_CODE.eof, 'the server closed the connection') : error;
}
