import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Finding } from './problem.js';
import { isMap, rawMap, type RawMap } from './raw.js';

/** The passwords of the database roles; null: left to .pgpass, as libpq does. */
export interface Secrets {
  readonly handyrep_db_pass: string | null;
  readonly replication_pass: string | null;
  readonly superuser_pass: string | null;
}

export const MASK = '********';

/** Where secrets come from. */
export interface SecretSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The folder of the configuration file. */
  readonly dir: string;
  readonly file: string;
  /** Permission bits of the configuration file. */
  readonly mode: number;
}

/** A value with its secrets put in, and the same value with them masked. */
export interface Resolved {
  readonly value: unknown;
  readonly masked: unknown;
  /** Every secret that was found. */
  readonly secrets: readonly string[];
  readonly findings: readonly Finding[];
}

const READABLE_BY_OTHERS = 0o044;
// Who knows the URL of a webhook may post to it, and any URL may hold a password.
const SECRET_KEY = /(^|_)(pass|passwd|password|passphrase|secret|token|apikey|api_key|credentials?|url)$/i;

/** Whether a plugin's setting of this name is taken for a secret when it is given as a text or number. */
function isSecretKey(key: PropertyKey): boolean {
  return typeof key === 'string' && SECRET_KEY.test(key);
}

/** Reads the secrets of the section `passwords`. */
export async function readPasswords(
  data: unknown,
  sources: SecretSources,
): Promise<{ readonly secrets: Secrets; readonly findings: readonly Finding[] }> {
  const raw = rawMap(data, ['passwords']);
  const findings: Finding[] = [];
  const read = async (key: keyof Secrets): Promise<string | null> => {
    const value = Object.hasOwn(raw, key) ? raw[key] : undefined;
    const resolved = await resolveSecrets(value, ['passwords', key], sources, true);
    findings.push(...resolved.findings);
    return typeof resolved.value === 'string' ? resolved.value : null;
  };
  const secrets = {
    handyrep_db_pass: await read('handyrep_db_pass'),
    replication_pass: await read('replication_pass'),
    superuser_pass: await read('superuser_pass'),
  };
  return { secrets, findings };
}

/**
 * Puts secrets into a value at any depth: `{ env: NAME }` and `{ file: PATH }` wherever they stand, and literal text
 * where `secret` is true or its key has the name of a secret.
 */
async function resolveSecrets(
  value: unknown,
  path: readonly PropertyKey[],
  sources: SecretSources,
  secret = false,
): Promise<Resolved> {
  const source = secretSource(value);
  if (source !== null) return readSource(source, path, sources);
  if (secret && ((typeof value === 'string' && value !== '') || typeof value === 'number')) {
    return literalSecret(value, path, sources);
  }
  if (Array.isArray(value)) {
    const items = await Promise.all(
      value.map((item: unknown, index) => resolveSecrets(item, [...path, index], sources, secret)),
    );
    return {
      value: items.map((item) => item.value),
      masked: items.map((item) => item.masked),
      secrets: items.flatMap((item) => item.secrets),
      findings: items.flatMap((item) => item.findings),
    };
  }
  return isMap(value) ? resolveEntries(value, path, sources) : { value, masked: value, secrets: [], findings: [] };
}

/** As {@link resolveSecrets}, for the values of a map that is none itself, such as all settings of a plugin. */
export async function resolveEntries(
  value: RawMap,
  path: readonly PropertyKey[],
  sources: SecretSources,
): Promise<Resolved> {
  const entries = await Promise.all(
    Object.entries(value).map(
      async ([key, item]) => [key, await resolveSecrets(item, [...path, key], sources, isSecretKey(key))] as const,
    ),
  );
  return {
    value: Object.fromEntries(entries.map(([key, item]) => [key, item.value])),
    masked: Object.fromEntries(entries.map(([key, item]) => [key, item.masked])),
    secrets: entries.flatMap(([, item]) => item.secrets),
    findings: entries.flatMap(([, item]) => item.findings),
  };
}

type SecretSource = { readonly env: string } | { readonly file: string };

function secretSource(value: unknown): SecretSource | null {
  if (!isMap(value) || Object.keys(value).length !== 1) return null;
  const { env, file } = value;
  if (typeof env === 'string') return { env };
  return typeof file === 'string' ? { file } : null;
}

function literalSecret(value: string | number, path: readonly PropertyKey[], sources: SecretSources): Resolved {
  const findings: Finding[] = [];
  if ((sources.mode & READABLE_BY_OTHERS) !== 0) {
    findings.push({
      path,
      at: 'key',
      code: 'config_unsafe',
      message: `is a secret in a file that others can read (mode ${octal(sources.mode)})`,
      hint: `run: chmod 600 ${sources.file}; or write { env: NAME } or { file: PATH } instead`,
    });
  }
  return { value, masked: MASK, secrets: [String(value)], findings };
}

async function readSource(
  source: SecretSource,
  path: readonly PropertyKey[],
  sources: SecretSources,
): Promise<Resolved> {
  const read = 'env' in source ? fromEnvironment(source.env, sources) : await fromFile(source.file, sources);
  if ('secret' in read) return { value: read.secret, masked: MASK, secrets: [read.secret], findings: [] };
  const { message, hint, code = 'secret_unreadable' } = read;
  return { value: null, masked: MASK, secrets: [], findings: [{ path, at: 'value', code, message, hint }] };
}

type Read = { readonly secret: string } | (Pick<Finding, 'message' | 'code'> & { readonly hint: string });

function fromEnvironment(name: string, { env }: SecretSources): Read {
  // A password written here by mistake must not be repeated in a message.
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    return { message: 'must name an environment variable after env', hint: 'letters, digits and _ only' };
  }
  const secret = Object.hasOwn(env, name) ? env[name] : undefined;
  if (secret !== undefined && secret !== '') return { secret };
  const state = secret === undefined ? 'not set' : 'empty';
  return {
    message: `takes its value from the environment variable ${name}, which is ${state}`,
    hint: `export ${name} where HandyRep runs; cron starts with an almost empty environment`,
  };
}

async function fromFile(name: string, { dir }: SecretSources): Promise<Read> {
  if (/\p{Cc}/u.test(name)) return { message: 'must name a file after file', hint: 'no control characters' };
  const file = resolve(dir, name);
  try {
    const { mode } = await stat(file);
    if ((mode & READABLE_BY_OTHERS) !== 0) {
      const message = `takes its value from ${file}, which others can read (mode ${octal(mode)})`;
      return { code: 'config_unsafe', message, hint: `run: chmod 600 ${file}` };
    }
    return judgeContent(file, await readFile(file, 'utf8'));
  } catch (error) {
    const cause = error instanceof Error && 'code' in error ? String(error.code) : 'error';
    const message = `takes its value from ${file}, which cannot be read: ${cause}`;
    return { message, hint: 'create it with the secret on one line, mode 0600, owned by the user that runs HandyRep' };
  }
}

function judgeContent(file: string, content: string): Read {
  const secret = content.replace(/\r?\n$/, '');
  if (secret === '')
    return { message: `takes its value from ${file}, which is empty`, hint: 'write the secret into it' };
  if (!/\p{Cc}/u.test(secret)) return { secret };
  return {
    message: `takes its value from ${file}, which holds more than one line of text`,
    hint: 'the file holds the secret and nothing else',
  };
}

function octal(mode: number): string {
  return `0${(mode & 0o777).toString(8)}`;
}
