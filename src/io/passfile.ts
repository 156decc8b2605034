import { open } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** What a line of a password file is matched with. A replication connection's database is `replication`. */
export interface PasswordFor {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

export type PasswordFound =
  | { readonly kind: 'found'; readonly password: string }
  /** No file, no line that fits, or a file that is ignored; `why` says which. */
  | { readonly kind: 'absent'; readonly why: string };

/**
 * Looks a password up as libpq does ("The Password File", libpq-pgpass): `PGPASSFILE`, else `~/.pgpass`. pg's own way is
 * deprecated, warns on our stderr, and is silently off when PGPASSWORD is set.
 */
export async function findPassword(
  wanted: PasswordFor,
  env: Readonly<Record<string, string | undefined>>,
): Promise<PasswordFound> {
  const path = passfilePath(env);
  const text = await readPassfile(path);
  if (text.kind === 'absent') return text;
  const password = matchPassfile(text.password, wanted);
  return password === null
    ? { kind: 'absent', why: `${path} has no line for ${wanted.user} at ${wanted.host}:${String(wanted.port)}` }
    : { kind: 'found', password };
}

/** Where the password file is. */
export function passfilePath(env: Readonly<Record<string, string | undefined>>): string {
  const named = env['PGPASSFILE'];
  return named === undefined || named === '' ? join(env['HOME'] ?? homedir(), '.pgpass') : named;
}

async function readPassfile(path: string): Promise<PasswordFound> {
  try {
    const file = await open(path, 'r');
    try {
      const stat = await file.stat();
      if (!stat.isFile()) return { kind: 'absent', why: `${path} is not a plain file` };
      if ((stat.mode & 0o077) !== 0) {
        return { kind: 'absent', why: `${path} is ignored: others may read it (chmod 600)` };
      }
      return { kind: 'found', password: await file.readFile('utf8') };
    } finally {
      await file.close();
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    return { kind: 'absent', why: code === 'ENOENT' ? `${path} does not exist` : `${path} cannot be read (${code})` };
  }
}

/** The password of the first line that fits; null when none does. */
export function matchPassfile(text: string, wanted: PasswordFor): string | null {
  const values = [passfileHost(wanted.host), String(wanted.port), wanted.database, wanted.user];
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith('#')) continue;
    const fields = splitLine(line);
    if (fields === null) continue;
    const fits = values.every((value, at) => fields.raw[at] === '*' || fields.plain[at] === value);
    if (fits) return fields.password;
  }
  return null;
}

/** libpq looks the usual folders of Unix sockets up as localhost. */
function passfileHost(host: string): string {
  return host === '/var/run/postgresql' || host === '/tmp' ? 'localhost' : host;
}

interface Line {
  /** As written: a star that is escaped is not a wildcard. */
  readonly raw: readonly string[];
  readonly plain: readonly string[];
  readonly password: string;
}

function splitLine(line: string): Line | null {
  const match = /^((?:(?:[^\\:]|\\.)*:){4})(.*)$/s.exec(line);
  const [, head = '', rest = ''] = match ?? [];
  if (match === null) return null;
  const raw = [...head.matchAll(/((?:[^\\:]|\\.)*):/gs)].map(([, field = '']) => field);
  const password = /^(?:[^\\:]|\\.)*/s.exec(rest)?.[0] ?? '';
  return { raw, plain: raw.map(unescape), password: unescape(password) };
}

function unescape(field: string): string {
  return field.replaceAll(/\\(.)/gs, '$1');
}
