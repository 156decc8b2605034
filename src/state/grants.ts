import { doBlock, quoteIdent, quoteLiteral } from '../core/sqltext.js';

/** Functions of a server that an ordinary role may call only when it was granted them. */
const FUNCTIONS = [
  'pg_catalog.pg_promote(boolean, integer)',
  'pg_catalog.pg_reload_conf()',
  // What pg_rewind asks of its source (PostgreSQL documentation, "pg_rewind", Notes).
  'pg_catalog.pg_ls_dir(text, boolean, boolean)',
  'pg_catalog.pg_stat_file(text, boolean)',
  'pg_catalog.pg_read_binary_file(text)',
  'pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean)',
] as const;

/** What clone_rsync begins and ends a backup with; the names changed with PostgreSQL 15. */
const BACKUP_FUNCTIONS = {
  since15: ['pg_catalog.pg_backup_start(text, boolean)', 'pg_catalog.pg_backup_stop(boolean)'],
  before15: ['pg_catalog.pg_start_backup(text, boolean, boolean)', 'pg_catalog.pg_stop_backup(boolean, boolean)'],
} as const;

/** The only settings that HandyRep changes with ALTER SYSTEM. */
const PARAMETERS = ['primary_conninfo', 'primary_slot_name'] as const;

/** The roles that HandyRep works as. */
export interface RoleNames {
  readonly handyrep_user: string;
  readonly replication_user: string;
}

/**
 * SQL that makes HandyRep's roles, without passwords, and gives them all that they need and no more. Superuser is not
 * needed afterwards. Can be run again; PostgreSQL 13 to 18. The grants on functions count in the database that they are
 * run in.
 */
export function roleStatements(names: RoleNames): string[] {
  const user = quoteIdent(names.handyrep_user);
  return [
    createRole(names.handyrep_user),
    ...(names.replication_user === names.handyrep_user ? [] : [createRole(names.replication_user)]),
    // Slot functions and IDENTIFY_SYSTEM ask for the REPLICATION attribute.
    `ALTER ROLE ${user} LOGIN REPLICATION`,
    `ALTER ROLE ${quoteIdent(names.replication_user)} LOGIN REPLICATION`,
    `GRANT pg_monitor TO ${user}`,
    ...FUNCTIONS.map((signature) => `GRANT EXECUTE ON FUNCTION ${signature} TO ${user}`),
    byVersion(
      [
        `GRANT pg_checkpoint TO ${user}`,
        ...PARAMETERS.map((parameter) => `GRANT ALTER SYSTEM ON PARAMETER ${parameter} TO ${user}`),
        ...BACKUP_FUNCTIONS.since15.map((signature) => `GRANT EXECUTE ON FUNCTION ${signature} TO ${user}`),
      ],
      BACKUP_FUNCTIONS.before15.map((signature) => `GRANT EXECUTE ON FUNCTION ${signature} TO ${user}`),
    ),
  ];
}

function createRole(name: string): string {
  return doBlock(
    [
      'BEGIN',
      `  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = ${quoteLiteral(name)}) THEN`,
      `    CREATE ROLE ${quoteIdent(name)} LOGIN REPLICATION;`,
      '  END IF;',
      'END',
    ].join('\n'),
  );
}

/** Dynamic, since a version must not even parse what only the others know. */
function byVersion(since15: readonly string[], before15: readonly string[]): string {
  const execute = (statement: string): string => `    EXECUTE ${quoteLiteral(statement)};`;
  return doBlock(
    [
      'BEGIN',
      "  IF current_setting('server_version_num')::int >= 150000 THEN",
      ...since15.map(execute),
      '  ELSE',
      ...before15.map(execute),
      '  END IF;',
      'END',
    ].join('\n'),
  );
}
