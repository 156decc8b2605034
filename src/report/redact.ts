const MASK = '********';

/** A shorter secret would mask half of every message, and is none. */
const SHORTEST = 3;

/** Replaces every known secret, also as SQL, conninfo and URLs write it, so that no message can carry one out. */
export function redactor(secrets: readonly string[]): (text: string) => string {
  const forms = secrets
    .filter((secret) => secret.length >= SHORTEST)
    .flatMap((secret) => [secret, ...partsOfUrl(secret)])
    .flatMap((secret) => [
      secret,
      secret.replaceAll("'", "''"),
      secret.replaceAll('\\', '\\\\').replaceAll("'", "\\'"),
      JSON.stringify(secret).slice(1, -1),
      encodeURIComponent(secret),
    ]);
  // The longest first: one secret may be a part of another.
  const ordered = [...new Set(forms)].sort((a, b) => b.length - a.length);
  return (text) => ordered.reduce((rest, form) => rest.replaceAll(form, MASK), text);
}

/** Where a secret is a URL, its path and its password are what makes it one, and a server may repeat them. */
function partsOfUrl(secret: string): readonly string[] {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(secret) || !URL.canParse(secret)) return [];
  const { pathname, search, password } = new URL(secret);
  return [pathname + search, search, password].filter((part) => part.length >= SHORTEST_PART);
}

/** A path such as /hook would mask words of messages, and tells nothing. */
const SHORTEST_PART = 8;

/**
 * Keys whose values are words of our own (kinds, roles, names of states), names or times, in which nothing that a server
 * or a configuration wrote can be: a secret that happens to be such a word must not make a record unreadable.
 */
const OURS: ReadonlySet<string> = new Set([
  'kind',
  'role',
  'connection',
  'become',
  'status',
  'port',
  'action',
  'diagnosis',
  'ts',
  'at',
  'since',
  'until',
  'begun',
  'ended',
  'updated',
  'fenced',
  'status_ts',
  'last_poll',
  'last_verify',
  'silent_since',
  'max_data_loss',
]);

/** The same value with every secret in its texts replaced, however deep. */
export function redactDeep(value: unknown, redact: (text: string) => string, key = ''): unknown {
  if (typeof value === 'string') return OURS.has(key) ? value : redact(value);
  if (Array.isArray(value)) return value.map((inner: unknown) => redactDeep(inner, redact, key));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, redactDeep(inner, redact, name)]));
}
