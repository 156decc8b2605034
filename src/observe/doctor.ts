import type { HostRights } from '../core/doctor-server.js';
import type { ServerDef } from '../core/model.js';
import { type Outcome, ok } from '../core/outcome.js';
import { type Privilege, forVersion } from '../core/privileges.js';
import { privilegeQuery, readPrivileges } from '../core/doctor-access.js';
import { parseLines } from '../io/scripts.js';
import type { HostPort, SqlPort } from '../plugin/contract.js';

/** `$1` pgdata: whether the user that runs this may write where a failover writes. */
const RIGHTS = `
[ -w "$1" ] && [ -x "$1" ] && echo pgdata=yes
[ ! -e "$1/postgresql.auto.conf" ] || [ -w "$1/postgresql.auto.conf" ] && echo auto_conf=yes
[ -w "$(dirname "$1")" ] && echo beside=yes
`;

/** What the postgres OS user may write on a host; null where it could not be asked. */
export async function readRights(
  hosts: HostPort,
  server: ServerDef,
  options: { readonly timeout: number; readonly signal: AbortSignal },
): Promise<HostRights | null> {
  const done = await hosts.script(server, RIGHTS, [server.pgdata], options);
  if (!done.ok) return null;
  const said = parseLines(done.value.stdout);
  const yes = (key: string): boolean => said.get(key) === 'yes';
  return { pgdata: yes('pgdata'), auto_conf: yes('auto_conf'), beside: yes('beside') };
}

/** The settings that a doctor judges; one that a version does not have is absent. */
const SETTINGS = `SELECT name, setting FROM pg_settings WHERE name = ANY (string_to_array($1, ','))`;
const NAMES = [
  'wal_level',
  'max_wal_senders',
  'hot_standby',
  'allow_alter_system',
  'wal_log_hints',
  'data_checksums',
  'full_page_writes',
  'fsync',
  'synchronous_standby_names',
  'synchronous_commit',
];

export async function readSettings(
  sql: SqlPort,
  server: ServerDef,
  signal: AbortSignal,
): Promise<Outcome<Readonly<Record<string, string>>>> {
  const rows = await sql.query(server, SETTINGS, [NAMES.join(',')], { signal });
  if (!rows.ok) return rows;
  return ok(Object.fromEntries(rows.value.map((row) => [row['name'] ?? '', row['setting'] ?? ''])));
}

/** Which of these privileges are there; asked as our own role, of the catalogues. */
export async function lookUpPrivileges(
  sql: SqlPort,
  server: ServerDef,
  { privileges, major }: { readonly privileges: readonly Privilege[]; readonly major: number },
  signal: AbortSignal,
): Promise<Outcome<readonly (readonly [Privilege, boolean])[]>> {
  const text = privilegeQuery(forVersion(privileges, major));
  const rows = await sql.query(server, text, [], { signal });
  return rows.ok ? ok(readPrivileges(forVersion(privileges, major), rows.value[0] ?? {})) : rows;
}
