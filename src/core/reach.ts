import type { Reach, ReachKind } from './observation.js';

/**
 * How far an attempt had come: `local` before anything was sent (files of ours), then name resolution, the TCP
 * connection, TLS, the login, and the session after it.
 */
export type Phase = 'local' | 'resolve' | 'connect' | 'tls' | 'login' | 'session';

/** Codes of our own beside SQLSTATE and errno. */
export const OWN_CODE = {
  /** Our deadline passed without an answer. */
  deadline: 'DEADLINE',
  /** The connection ended where an answer was due. */
  eof: 'EOF',
  /** The server asks for a password, and there is none. */
  no_password: 'NO_PASSWORD',
  /** Our caller gave up: evidence of nothing. */
  aborted: 'ABORTED',
} as const;

const ERRNO: Readonly<Record<string, ReachKind>> = {
  [OWN_CODE.deadline]: 'timeout',
  [OWN_CODE.eof]: 'refused',
  [OWN_CODE.no_password]: 'rejected',
  [OWN_CODE.aborted]: 'unresolved',
  ECONNREFUSED: 'refused',
  ECONNRESET: 'refused',
  ECONNABORTED: 'refused',
  EPIPE: 'refused',
  // A Unix socket that does not exist: nobody listens there.
  ENOENT: 'refused',
  ETIMEDOUT: 'timeout',
  // A Unix socket whose queue is full: nobody takes the connections.
  EAGAIN: 'timeout',
  EHOSTUNREACH: 'unreachable',
  EHOSTDOWN: 'unreachable',
  ENETUNREACH: 'unreachable',
  ENETDOWN: 'unreachable',
};

/** Trouble of this host. It says nothing of the server, so it becomes the kind that is evidence of nothing. */
const OUR_TROUBLE: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EACCES', 'EPERM']);

/** An address that this host cannot use at all (no such family, or no local port left): no evidence either. */
const OUR_ADDRESS: ReadonlySet<string> = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EADDRINUSE']);

/**
 * What an error tells of the server, by SQLSTATE ("PostgreSQL Error Codes"), errno and the phase; never by the text,
 * but for 57P03. Several errors (one an address of the host) count as the one that says most.
 */
export function classifyReach(error: unknown, phase: Phase): Reach {
  if (isRecord(error) && Array.isArray(error['errors']) && error['errors'].length > 0) {
    return combine(error['errors'].map((one: unknown) => ({ error: one, reach: classifyReach(one, phase) })));
  }
  const detail = detailOf(error);
  const state = sqlState(error);
  if (state !== null) return { kind: serverKind(state, messageOf(error)), detail };
  if (phase === 'local') return { kind: 'unresolved', detail: `trouble of this host: ${detail}` };
  if (phase === 'resolve') return { kind: 'unresolved', detail };
  const code = codeOf(error);
  if (OUR_TROUBLE.has(code) || OUR_ADDRESS.has(code)) {
    return { kind: 'unresolved', detail: `trouble of this host: ${detail}` };
  }
  if (isResolverCode(code)) return { kind: 'unresolved', detail };
  return { kind: ERRNO[code] ?? silentKind(phase), detail };
}

/** The SQLSTATE of an error that the server sent; null for every other error. An errno can look like one (`EPIPE`). */
export function sqlState(error: unknown): string | null {
  if (!isRecord(error) || typeof error['severity'] !== 'string') return null;
  const code = error['code'];
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : null;
}

/** SQLSTATE, errno or our own code of an error; empty where it has none. */
export function codeOf(error: unknown): string {
  return isRecord(error) && typeof error['code'] === 'string' ? error['code'] : '';
}

/** The code and the words of an error, in one line. */
export function detailOf(error: unknown): string {
  const message = messageOf(error).replaceAll(/\s+/g, ' ').trim();
  const code = codeOf(error);
  if (code === '' || message.includes(code)) return message;
  return message === '' ? code : `${code} ${message}`;
}

function serverKind(state: string, message: string): ReachKind {
  if (state === '53300') return 'saturated';
  if (state === '57P01' || state === '57P02') return 'stopping';
  if (state !== '57P03') return 'rejected';
  // The words are all that tells these two apart. A server that speaks another language is called starting: both mean
  // that it is up and not usable.
  return /shutting down/i.test(message) ? 'stopping' : 'starting';
}

/** Without a code: before the server has spoken it is a fault of ours, after that it is a dispute with it. */
function silentKind(phase: Phase): ReachKind {
  return phase === 'tls' || phase === 'login' || phase === 'session' ? 'rejected' : 'unresolved';
}

function isResolverCode(code: string): boolean {
  return code === 'ENOTFOUND' || code.startsWith('EAI_');
}

/**
 * One silent address weighs more than one that refuses: the server may listen on the silent one. An address that cannot
 * be reached or used at all (IPv6 without a route) weighs least, but trouble of this host spoils the whole look.
 */
const SILENT: readonly ReachKind[] = ['timeout', 'refused', 'unreachable', 'unresolved'];

function combine(looks: readonly { readonly error: unknown; readonly reach: Reach }[]): Reach {
  const detail = [...new Set(looks.map(({ reach }) => reach.detail))].join('; ');
  const spoke = looks.find(({ reach }) => !SILENT.includes(reach.kind));
  if (spoke !== undefined) return { kind: spoke.reach.kind, detail };
  if (looks.some(({ error }) => OUR_TROUBLE.has(codeOf(error)))) return { kind: 'unresolved', detail };
  const kind = SILENT.find((one) => looks.some(({ reach }) => reach.kind === one)) ?? 'unresolved';
  return { kind, detail };
}

function messageOf(error: unknown): string {
  if (isRecord(error)) return typeof error['message'] === 'string' ? error['message'] : '';
  return String(error);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
