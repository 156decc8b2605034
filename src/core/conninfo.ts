/**
 * A libpq connection string as keyword and value pairs, in order ("Connection Strings", libpq-connect). Values may be
 * secrets: never print one; see {@link redactConninfo}.
 */
export type Conninfo = readonly (readonly [keyword: string, value: string])[];

/** Parses both forms, `host=a port=1` and `postgresql://a:1/`; null when libpq would not understand it either. */
export function parseConninfo(text: string): Conninfo | null {
  return /^postgres(?:ql)?:\/\//.test(text) ? parseUri(text) : parsePairs(text);
}

const PAIR = /\s*([A-Za-z_]+)\s*=\s*(?:'((?:[^'\\]|\\[\s\S])*)'|((?!')(?:[^\s\\]|\\[\s\S])*))(?=\s|$)/gy;

function parsePairs(text: string): Conninfo | null {
  const pairs: [string, string][] = [];
  PAIR.lastIndex = 0;
  while (text.slice(PAIR.lastIndex).trim() !== '') {
    const match = PAIR.exec(text);
    if (match === null) return null;
    const [, keyword = '', quoted, bare = ''] = match;
    pairs.push([keyword, (quoted ?? bare).replaceAll(/\\([\s\S])/g, '$1')]);
  }
  return pairs;
}

const URI =
  /^postgres(?:ql)?:\/\/(?:([^:@/?]*)(?::([^@/?]*))?@)?(\[[^\]]*\]|[^:/?,]*)(?::(\d*))?(?:\/([^?]*))?(?:\?(.*))?$/;

function parseUri(text: string): Conninfo | null {
  const match = URI.exec(text);
  if (match === null) return null;
  const [, user, password, host, port, dbname, query] = match;
  const pairs: [string, string][] = [];
  const add = (keyword: string, value: string | undefined): boolean => {
    if (value === undefined || value === '') return true;
    const decoded = decodePercent(value);
    if (decoded !== null) pairs.push([keyword, decoded]);
    return decoded !== null;
  };
  const named = (query ?? '').split('&').filter((part) => part !== '');
  const good = [
    add('user', user),
    add('password', password),
    add('host', host?.replace(/^\[(.*)\]$/, '$1')),
    add('port', port),
    add('dbname', dbname),
    ...named.map((part) => {
      const at = part.indexOf('=');
      return at > 0 && add(part.slice(0, at), part.slice(at + 1));
    }),
  ];
  return good.every(Boolean) ? pairs : null;
}

function decodePercent(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}

/** The keyword=value form; every value is quoted. */
export function formatConninfo(conninfo: Conninfo): string {
  return conninfo.map(([keyword, value]) => `${keyword}='${value.replaceAll(/['\\]/g, '\\$&')}'`).join(' ');
}

/** The value that counts: the last one, as in libpq. */
export function getValue(conninfo: Conninfo, keyword: string): string | null {
  return conninfo.findLast(([name]) => name === keyword)?.[1] ?? null;
}

/** Sets or, with null, removes keywords; all others stay as they are and where they are. */
export function setValues(conninfo: Conninfo, values: Readonly<Record<string, string | null>>): Conninfo {
  const kept = conninfo.filter(([keyword]) => !Object.hasOwn(values, keyword));
  const added = Object.entries(values).flatMap(([keyword, value]): [string, string][] =>
    value === null ? [] : [[keyword, value]],
  );
  return [...kept, ...added];
}

const SECRET: ReadonlySet<string> = new Set([
  'password',
  'sslpassword',
  'oauth_client_secret',
  'scram_client_key',
  'scram_server_key',
]);

/** The conninfo with secrets masked, for messages. */
export function redactConninfo(conninfo: Conninfo): string {
  return formatConninfo(conninfo.map(([keyword, value]) => [keyword, SECRET.has(keyword) ? '********' : value]));
}

/** The string without anything that must not be in an argument list. */
export function withoutSecrets(conninfo: Conninfo): Conninfo {
  return conninfo.filter(([keyword]) => !SECRET.has(keyword));
}

/**
 * A folder that no server listens in: a WAL receiver pointed there fails at once, without DNS or network, and the rest
 * of its connection string stays for when it is pointed at a master again.
 */
const NOWHERE = '/handyrep-wal-receiver-stopped';

export function pointNowhere(conninfo: Conninfo): Conninfo {
  return setValues(conninfo, { host: NOWHERE, hostaddr: null, port: null });
}

export function pointsNowhere(conninfo: Conninfo): boolean {
  return getValue(conninfo, 'host') === NOWHERE;
}

/** Points a replica at a master, keeping user, TLS and everything else that its string holds. */
export function pointAt(
  conninfo: Conninfo,
  upstream: { readonly host: string; readonly hostaddr?: string | null; readonly port: string },
  defaults: Readonly<Record<string, string>>,
): Conninfo {
  const filled = setValues(conninfo, {
    host: upstream.host,
    hostaddr: upstream.hostaddr ?? null,
    port: upstream.port,
  });
  const missing: Record<string, string> = {};
  for (const [keyword, value] of Object.entries(defaults)) {
    if (getValue(filled, keyword) === null) missing[keyword] = value;
  }
  return setValues(filled, missing);
}
