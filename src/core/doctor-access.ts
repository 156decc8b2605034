import { type DoctorFinding, type SqlPlace, shellWord, sqlFix } from './doctor.js';
import type { ServerDef } from './model.js';
import type { Privilege } from './privileges.js';
import { SUDOERS_FILE, becomeLine } from './sudoers.js';

/** Names of the configuration that a fix must spell. */
export interface DoctorNames {
  readonly handyrep_db: string;
  readonly handyrep_user: string;
  readonly replication_user: string;
  readonly postgres_superuser: string;
  readonly postgres_os_user: string;
  /** Who runs HandyRep here. */
  readonly own_user: string;
}

/** Whether commands reach a server's host, and become its postgres OS user. A text is the reason why not. */
export interface CommandAccess {
  readonly login: string | null;
  /** The way that ssh itself proposes. */
  readonly login_hint: string;
  readonly become: string | null;
}

export function judgeCommands(
  server: ServerDef,
  access: CommandAccess,
  { postgres_os_user, own_user }: DoctorNames,
): readonly DoctorFinding[] {
  const { name, hostname, connection, ssh_user } = server;
  if (access.login !== null) {
    const fix = access.login_hint === '' ? null : { where: 'on this host', lines: [access.login_hint] };
    return [{ name: 'ssh', server: name, severity: 'fails', text: access.login, fix }];
  }
  if (access.become === null) return [];
  const who = connection === 'local' ? own_user : (ssh_user ?? own_user);
  const line = shellWord(becomeLine(who, postgres_os_user));
  const lines = [
    `echo ${line} > ${SUDOERS_FILE}`,
    `chmod 0440 ${SUDOERS_FILE}`,
    `visudo -c    # must find nothing wrong`,
  ];
  const where = `on ${hostname}, as root (replaces that file)`;
  return [{ name: 'sudo', server: name, severity: 'fails', text: access.become, fix: { where, lines } }];
}

/** A login from one place to one server that did not work. */
export interface FailedLogin {
  readonly kind: 'replication' | 'rewind' | 'query' | 'sql' | 'superuser';
  /** Null: from this host. */
  readonly from: ServerDef | null;
  readonly to: ServerDef;
  readonly why: string;
}

const LOGIN_NAMES = {
  replication: 'replication_login',
  rewind: 'rewind_login',
  query: 'replication_query',
  sql: 'sql_login',
  superuser: 'superuser_login',
} as const;

const LOGIN_WORDS = {
  replication: 'cannot log in for replication, so it could not follow it as the new master',
  rewind: 'cannot log in as pg_rewind would, so it could not come back behind it as the new master',
  query: 'cannot log in for replication, which is what is asked while all other connections are in use',
  sql: 'cannot log in',
  superuser: 'cannot log in as superuser, which before PostgreSQL 15 is needed to make replicas follow a new master',
} as const;

/** What a failed login needs: a line of pg_hba.conf, or a password, by what PostgreSQL said. */
export function judgeLogin(failed: FailedLogin, names: DoctorNames): DoctorFinding {
  const { kind, from, to, why } = failed;
  const role =
    kind === 'superuser'
      ? names.postgres_superuser
      : kind === 'replication' || kind === 'query'
        ? names.replication_user
        : names.handyrep_user;
  const database = kind === 'replication' || kind === 'query' ? 'replication' : names.handyrep_db;
  const who = from === null ? 'this host' : from.name;
  return {
    name: LOGIN_NAMES[kind],
    server: to.name,
    // Without these a failover still ends with a master that takes writes.
    severity: kind === 'rewind' || kind === 'query' ? 'warning' : 'fails',
    text: `${who} ${LOGIN_WORDS[kind]}: ${to.name}: ${why}`,
    fix: fixLogin(failed, role, database, names),
  };
}

function fixLogin(
  { from, to, why }: FailedLogin,
  role: string,
  database: string,
  names: DoctorNames,
): DoctorFinding['fix'] {
  if (/no pg_hba\.conf entry|28000/.test(why)) {
    const address = /from host "([^"]+)"/.exec(why)?.[1];
    const source = address ?? from?.hostname ?? 'THIS_HOST';
    const mask = address === undefined ? '' : address.includes(':') ? '/128' : '/32';
    const lines = [
      `host  ${hbaWord(database)}  ${hbaWord(role)}  ${source}${mask}  scram-sha-256`,
      `# then, as superuser on ${to.name}: SELECT pg_reload_conf();`,
    ];
    return { where: `on ${to.hostname}, in pg_hba.conf (SHOW hba_file), above any line that rejects`, lines };
  }
  if (/password|28P01|pgpass/i.test(why)) {
    const home = from === null ? `~${names.own_user}` : `~${names.postgres_os_user}`;
    const lines = [
      `echo ${shellWord(`*:${to.port}:${database}:${role}:PASSWORD`)} >> ${home}/.pgpass`,
      `chmod 600 ${home}/.pgpass`,
    ];
    const host = from === null ? 'on this host' : `on ${from.hostname}`;
    const user = from === null ? names.own_user : names.postgres_os_user;
    return { where: `${host}, as ${user} (PASSWORD is the role's)`, lines };
  }
  return null;
}

/** pg_hba.conf reads a name in double quotes as nothing but a name. `replication` without them is what is meant. */
function hbaWord(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name}"`;
}

/** What our roles lack; each privilege with whether it is there. The catalogues are the master's, on every server. */
export function judgePrivileges(
  server: ServerDef,
  found: readonly (readonly [Privilege, boolean])[],
  place: SqlPlace,
): readonly DoctorFinding[] {
  const missing = found.flatMap(([one, there]) => (there ? [] : [one]));
  if (missing.length === 0) return [];
  // Grants on what does not exist fail.
  const table = missing.filter((one) => one.grant.includes(' ON SCHEMA ') || one.grant.includes(', UPDATE ON '));
  const roles = missing.filter((one) => !table.includes(one));
  return [
    ...roles.map((one): DoctorFinding => ({
      name: 'privileges',
      server: server.name,
      severity: one.needed_for.startsWith('pg_rewind') || one.needed_for === 'clone_rsync' ? 'warning' : 'fails',
      text: `${one.what} is missing, which is needed for ${one.needed_for}`,
      fix: sqlFix(place, [one.grant]),
    })),
    ...(table.length === 0
      ? []
      : [
          {
            name: 'cluster_table' as const,
            server: server.name,
            severity: 'warning' as const,
            text: `${table.map(({ what }) => what).join(', ')}: missing, or there is no such table; it holds ${table[0]?.needed_for ?? ''}`,
            fix: {
              where: 'on this host, once; it can be run again',
              lines: [
                `handyrep init --print-sql | psql -h ${shellWord(place.hostname)} -p ${place.port} -U ${shellWord(place.superuser)} -d ${shellWord(place.database)}`,
              ],
            },
          },
        ]),
  ];
}

/** The query that tells which privileges are there, one column each. */
export function privilegeQuery(privileges: readonly Privilege[]): string {
  return `SELECT ${privileges.map(({ check }, index) => `(${check}) AS p${index}`).join(', ')}`;
}

/** What {@link privilegeQuery} gave. */
export function readPrivileges(
  privileges: readonly Privilege[],
  row: Readonly<Record<string, string | null>>,
): readonly (readonly [Privilege, boolean])[] {
  return privileges.map((one, index) => [one, row[`p${index}`] === 't'] as const);
}
