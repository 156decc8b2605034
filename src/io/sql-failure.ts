import type { ServerDef } from '../core/model.js';
import type { Reach } from '../core/observation.js';
import { fail, type Failure } from '../core/outcome.js';
import { codeOf, detailOf, OWN_CODE, sqlState } from '../core/reach.js';
import { isUnixSocket } from './dial.js';

/** What to show instead of a secret. */
const HIDDEN = '***';

/** A text without any of these secrets. Servers quote parts of a faulty statement in what they say of it. */
function redact(text: string, secrets: readonly (string | null)[]): string {
  let clean = text;
  for (const secret of secrets) if (secret !== null && secret !== '') clean = clean.replaceAll(secret, HIDDEN);
  return clean;
}

/** Whom a failure is about. */
type Place = Pick<ServerDef, 'name' | 'hostname' | 'port'>;

/** Where a server listens, in words. */
function placeOf(server: Place): string {
  const { hostname, port } = server;
  if (isUnixSocket({ host: hostname, port })) return `${hostname}/.s.PGSQL.${String(port)}`;
  return hostname.includes(':') ? `[${hostname}]:${String(port)}` : `${hostname}:${String(port)}`;
}

/** A connection that did not come to be, or not in time. */
export function connectFailure(server: Place, user: string, reach: Reach, error: unknown): Failed {
  const cause = codeOf(error);
  const words = `${server.name}: no session as ${user} at ${placeOf(server)}: ${reach.detail}`;
  return fail(cause === OWN_CODE.aborted ? 'aborted' : 'sql_connect', words, {
    server: server.name,
    hint: connectHint(server, user, reach, error),
    ...(cause === '' ? {} : { cause }),
  });
}

/** A statement that failed on a session. */
export function queryFailure(server: Place, error: unknown, secrets: readonly (string | null)[]): Failed {
  const cause = codeOf(error);
  const late = cause === OWN_CODE.deadline || sqlState(error) === '57014';
  const code = cause === OWN_CODE.aborted ? 'aborted' : late ? 'sql_timeout' : 'sql_query';
  const words = `${server.name}: the statement ${late ? 'did not end in time' : 'failed'}: ${redact(detailOf(error), secrets)}`;
  return fail(code, words, {
    server: server.name,
    ...(cause === '42501' ? { hint: 'the grants of the role are what `handyrep init --print-sql` prints' } : {}),
    ...(cause === '' ? {} : { cause }),
  });
}

export interface Failed {
  readonly ok: false;
  readonly error: Failure;
}

function connectHint(server: Place, user: string, reach: Reach, error: unknown): string {
  switch (reach.kind) {
    case 'accepting':
    case 'rejected':
      return rejectionHint(server, user, error);
    case 'saturated':
      return `all connections of ${server.name} are in use: free some, or raise max_connections`;
    case 'starting':
    case 'stopping':
      return `wait for ${server.name}; its log shows how far it is`;
    case 'refused':
      return `see whether PostgreSQL runs there and listens on this address and port`;
    case 'timeout':
    case 'unreachable':
      return `check the network to ${server.hostname}, and whether its PostgreSQL is frozen or overloaded`;
    case 'unresolved':
      return `this is trouble of this host, and no evidence about ${server.name}`;
  }
}

function rejectionHint(server: Place, user: string, error: unknown): string {
  switch (codeOf(error)) {
    case '28P01':
      return `correct the password of ${user}: \`passwords\` in the configuration, or the password file`;
    case OWN_CODE.no_password:
      return `set \`passwords\` in the configuration, or add a line for ${user} to the password file`;
    case '28000':
      return `let this host in as ${user} in pg_hba.conf of ${server.name}, and see that the role exists and may log in`;
    case '3D000':
      return 'correct handyrep_db, or create the database';
    default:
      return `the server is up and does not let ${user} in: correct the settings that it names`;
  }
}

/** A failure for what a server answered and we cannot read. */
export function unreadable(server: Place, what: string): Failed {
  return fail('sql_query', `${server.name}: its answer to ${what} cannot be read`, { server: server.name });
}
