import { GOODBYE_MS } from '../core/limits.js';
import type { Socket } from 'node:net';
import pg from 'pg';
import { classifyReach, OWN_CODE, sqlState, type Phase } from '../core/reach.js';
import { CodedError, within } from './deadline.js';
import { dial, isUnixSocket, PhaseError, type Endpoint } from './dial.js';
import { askForTls, encrypt, tlsOptions, type TlsSettings } from './tls.js';

/** What to log in as. */
export interface Login {
  readonly user: string;
  readonly database: string;
  /** `true`: a physical replication connection, which works while ordinary ones are exhausted. */
  readonly replication: 'true' | 'database' | null;
  /** Milliseconds, enforced by the server; null: no setting at all is sent, for poolers, which refuse them. */
  readonly statement_timeout: number | null;
  /** Asked for only when the server wants a password; null: there is none, and why. */
  readonly password: () => Promise<{ readonly password: string } | { readonly why: string }>;
}

/** A connection that is logged in. */
export interface Session {
  readonly client: pg.Client;
  /** True from the moment when the connection ended, from whichever side. */
  isLost(): boolean;
  /** Settles when the connection has ended, from whichever side. */
  readonly ended: Promise<void>;
  /** Waits a moment for the server to hang up. */
  gone(): Promise<void>;
  /** Drops the connection at once: the only way after a timeout, when an answer may still be under way. */
  destroy(): void;
  /** Says goodbye, so that the server logs no lost connection, and waits a moment at most. */
  close(): Promise<void>;
}

/** Text of every type is wanted as the server writes it, whatever the role's or the database's own settings. */
const SESSION_SETTINGS = [
  'search_path=pg_catalog',
  'datestyle=ISO',
  'intervalstyle=postgres',
  'timezone=UTC',
  'bytea_output=hex',
  'extra_float_digits=1',
];

/** Connects and logs in by libpq's rules for sslmode. Throws a {@link PhaseError}, and leaves nothing open then. */
export async function openSession(
  endpoint: Endpoint,
  login: Login,
  tls: TlsSettings,
  signal: AbortSignal,
): Promise<Session> {
  const [first, second] = waysOf(endpoint, tls);
  try {
    return await tryWay(endpoint, login, tls, first, signal);
  } catch (error) {
    if (second === undefined || signal.aborted || !otherWayMayHelp(error)) throw error;
    return await tryWay(endpoint, login, tls, second, signal).catch((later: unknown) => {
      // `allow`, and the server has no TLS: what it said in plain text is the answer.
      throw later instanceof PhaseError && later.phase === 'tls' ? error : later;
    });
  }
}

/** `try` goes on in plain text when the server has no TLS; `must` does not. */
type Way = 'plain' | 'try' | 'must';

function waysOf(endpoint: Endpoint, { sslmode }: TlsSettings): readonly [Way, Way?] {
  if (isUnixSocket(endpoint)) return ['plain'];
  switch (sslmode) {
    case 'disable':
      return ['plain'];
    case 'allow':
      return ['plain', 'must'];
    case 'prefer':
      return ['try', 'plain'];
    case 'require':
    case 'verify-ca':
    case 'verify-full':
      return ['must'];
  }
}

/** A pg_hba.conf may accept one way and not the other, and TLS itself may be what fails. */
function otherWayMayHelp(error: unknown): boolean {
  if (!(error instanceof PhaseError)) return false;
  if (error.phase === 'tls') return classifyReach(error.error, 'tls').kind === 'rejected';
  return error.phase === 'login' && (sqlState(error.error)?.startsWith('28') ?? false);
}

async function tryWay(
  endpoint: Endpoint,
  login: Login,
  tls: TlsSettings,
  way: Way,
  signal: AbortSignal,
): Promise<Session> {
  const options = way === 'plain' ? null : await phase('local', tlsOptions(tls, endpoint.host));
  const socket = await dial(endpoint, signal);
  try {
    const answer = options === null ? 'no' : await phase('tls', askForTls(socket, signal));
    if (way === 'must' && answer === 'no') throw new PhaseError('tls', new Error('the server does not offer TLS'));
    if (answer === 'error') throw new PhaseError('tls', new Error('the server answered the TLS request with an error'));
    const stream = options === null || answer === 'no' ? socket : await phase('tls', encrypt(socket, options, signal));
    return await logIn(stream, endpoint, login, signal);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

async function phase<T>(name: Phase, promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    throw new PhaseError(name, error);
  }
}

async function logIn(stream: Socket, endpoint: Endpoint, login: Login, signal: AbortSignal): Promise<Session> {
  const client = newClient(stream, endpoint, login);
  // Without a listener a server that dies would end this process; the query that is under way reports it.
  client.on('error', () => undefined);
  const connection = { lost: false };
  const closed = new Promise<void>((resolve) => {
    stream.once('close', resolve);
  });
  const ended = new Promise<void>((resolve) => {
    const lose = (): void => {
      connection.lost = true;
      resolve();
    };
    stream.once('end', lose).once('close', lose);
  });
  try {
    await within(client.connect(), signal);
  } catch (error) {
    const silent = connection.lost && sqlState(error) === null && !hasCode(error);
    throw new PhaseError('login', silent ? new CodedError(OWN_CODE.eof, 'the server closed the connection') : error);
  }
  return {
    client,
    isLost: () => connection.lost,
    ended,
    gone: () => within(closed, AbortSignal.timeout(GOODBYE_MS)).catch(() => undefined),
    destroy: () => stream.destroy(),
    close: () => closeSession(client, stream),
  };
}

function hasCode(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string';
}

function newClient(stream: Socket, endpoint: Endpoint, login: Login): pg.Client {
  const { statement_timeout: limit } = login;
  const settings =
    limit === null ? [] : [...SESSION_SETTINGS, `statement_timeout=${String(Math.max(1, Math.round(limit)))}`];
  return withoutPgVariables(
    () =>
      new pg.Client({
        host: endpoint.host,
        port: endpoint.port,
        user: login.user,
        database: login.database,
        application_name: 'handyrep',
        ssl: false,
        stream: () => alreadyConnected(stream),
        types: { getTypeParser: () => asItIs },
        password: async () => {
          const found = await login.password();
          if ('password' in found) return found.password;
          throw new CodedError(OWN_CODE.no_password, `the server asks for a password: ${found.why}`);
        },
        ...(settings.length === 0 ? {} : { options: settings.map((one) => `-c ${one}`).join(' ') }),
        ...(login.replication === null ? {} : { replication: login.replication }),
      }),
  );
}

function asItIs(value: string): string {
  return value;
}

/** pg connects by itself; ours is connected (and encrypted) already, so it is only told so. */
function alreadyConnected(stream: Socket): Socket {
  Object.defineProperty(stream, 'connect', {
    value: () => {
      process.nextTick(() => stream.emit('connect'));
      return stream;
    },
  });
  return stream;
}

/** pg takes what it is not told from PGOPTIONS, PGREPLICATION and the like, while it builds a client. */
function withoutPgVariables<T>(build: () => T): T {
  const hidden = Object.entries(process.env).filter(([name]) => name.startsWith('PG'));
  for (const [name] of hidden) Reflect.deleteProperty(process.env, name);
  try {
    return build();
  } finally {
    for (const [name, value] of hidden) process.env[name] = value;
  }
}

async function closeSession(client: pg.Client, stream: Socket): Promise<void> {
  const patience = AbortSignal.timeout(GOODBYE_MS);
  await within(client.end(), patience).catch(() => undefined);
  stream.destroy();
}
