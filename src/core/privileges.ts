import { quoteIdent, quoteLiteral } from './sqltext.js';

/** The roles that HandyRep works as. */
export interface RoleNames {
  readonly handyrep_user: string;
  readonly replication_user: string;
}

/** Something that a role must have: how it is given, and an SQL expression that is true where it is there. */
export interface Privilege {
  /** In words, for who is told that it is missing. */
  readonly what: string;
  /** What cannot be done without it. */
  readonly needed_for: string;
  readonly grant: string;
  readonly check: string;
  /** Major versions that have it: from the first up to, and without, the second. */
  readonly versions: readonly [number, number];
}

const ALL: Privilege['versions'] = [0, Number.POSITIVE_INFINITY];
const SINCE_15: Privilege['versions'] = [15, Number.POSITIVE_INFINITY];
const BEFORE_15: Privilege['versions'] = [0, 15];

/** Functions of a server that an ordinary role may call only when it was granted them. */
const FUNCTIONS: readonly (readonly [signature: string, needed_for: string, versions: Privilege['versions']])[] = [
  ['pg_catalog.pg_promote(boolean, integer)', 'promoting a replica by SQL', ALL],
  ['pg_catalog.pg_reload_conf()', 'making the replicas follow a new master', ALL],
  // What pg_rewind asks of its source (PostgreSQL documentation, "pg_rewind", Notes).
  ['pg_catalog.pg_ls_dir(text, boolean, boolean)', 'pg_rewind, which brings an old master back', ALL],
  ['pg_catalog.pg_stat_file(text, boolean)', 'pg_rewind, which brings an old master back', ALL],
  ['pg_catalog.pg_read_binary_file(text)', 'pg_rewind, which brings an old master back', ALL],
  ['pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean)', 'pg_rewind, which brings an old master back', ALL],
  // What clone_rsync begins and ends a backup with; the names changed with PostgreSQL 15.
  ['pg_catalog.pg_backup_start(text, boolean)', 'clone_rsync', SINCE_15],
  ['pg_catalog.pg_backup_stop(boolean)', 'clone_rsync', SINCE_15],
  ['pg_catalog.pg_start_backup(text, boolean, boolean)', 'clone_rsync', BEFORE_15],
  ['pg_catalog.pg_stop_backup(boolean, boolean)', 'clone_rsync', BEFORE_15],
];

/** The only settings that HandyRep changes with ALTER SYSTEM. */
const PARAMETERS = ['primary_conninfo', 'primary_slot_name'] as const;

/** All that the roles need and no more, in the order in which it is given; superuser is not needed afterwards. */
export function rolePrivileges({ handyrep_user, replication_user }: RoleNames): readonly Privilege[] {
  const user = quoteIdent(handyrep_user);
  const role = quoteLiteral(handyrep_user);
  const member = (group: string): string =>
    `coalesce((SELECT pg_has_role(${role}, oid, 'USAGE') FROM pg_roles WHERE rolname = ${quoteLiteral(group)}), false)`;
  return [
    // Slot functions and IDENTIFY_SYSTEM ask for the REPLICATION attribute.
    ...[...new Set([handyrep_user, replication_user])].map((name): Privilege => ({
      what: `the role ${name} with LOGIN and REPLICATION`,
      needed_for: name === replication_user ? 'replicas that follow any master' : 'replication slots',
      grant: `ALTER ROLE ${quoteIdent(name)} LOGIN REPLICATION`,
      check: `EXISTS (SELECT FROM pg_roles WHERE rolname = ${quoteLiteral(name)} AND rolcanlogin AND rolreplication)`,
      versions: ALL,
    })),
    {
      what: `${handyrep_user} in pg_monitor`,
      needed_for: 'seeing replication, slots and settings',
      grant: `GRANT pg_monitor TO ${user}`,
      check: member('pg_monitor'),
      versions: ALL,
    },
    ...FUNCTIONS.map(([signature, needed_for, versions]): Privilege => ({
      what: `EXECUTE on ${signature.replace('pg_catalog.', '')} for ${handyrep_user}`,
      needed_for,
      grant: `GRANT EXECUTE ON FUNCTION ${signature} TO ${user}`,
      check: `has_function_privilege(${role}, ${quoteLiteral(signature)}, 'EXECUTE')`,
      versions,
    })),
    {
      what: `${handyrep_user} in pg_checkpoint`,
      needed_for: 'a switchover, and pg_rewind',
      grant: `GRANT pg_checkpoint TO ${user}`,
      check: member('pg_checkpoint'),
      versions: SINCE_15,
    },
    ...PARAMETERS.map((parameter): Privilege => ({
      what: `ALTER SYSTEM on ${parameter} for ${handyrep_user}`,
      needed_for: 'making the replicas follow a new master',
      grant: `GRANT ALTER SYSTEM ON PARAMETER ${parameter} TO ${user}`,
      check: `has_parameter_privilege(${role}, ${quoteLiteral(parameter)}, 'ALTER SYSTEM')`,
      versions: SINCE_15,
    })),
  ];
}

/** The cluster table, once it is there. */
export function tablePrivileges(
  { handyrep_user }: Pick<RoleNames, 'handyrep_user'>,
  { handyrep_schema, handyrep_table }: { readonly handyrep_schema: string; readonly handyrep_table: string },
): readonly Privilege[] {
  const user = quoteIdent(handyrep_user);
  const role = quoteLiteral(handyrep_user);
  const schema = quoteIdent(handyrep_schema);
  const table = `${schema}.${quoteIdent(handyrep_table)}`;
  const needed_for = 'the copy of the saved state that a lost management host is replaced from';
  return [
    {
      what: `USAGE on the schema ${handyrep_schema} for ${handyrep_user}`,
      needed_for,
      grant: `GRANT USAGE ON SCHEMA ${schema} TO ${user}`,
      check: `coalesce(has_schema_privilege(${role}, to_regnamespace(${quoteLiteral(schema)})::oid, 'USAGE'), false)`,
      versions: ALL,
    },
    {
      what: `SELECT, INSERT and UPDATE on the cluster table ${handyrep_schema}.${handyrep_table} for ${handyrep_user}`,
      needed_for,
      grant: `GRANT SELECT, INSERT, UPDATE ON ${table} TO ${user}`,
      // One after the other: with a list of privileges any of them would do.
      check: ['SELECT', 'INSERT', 'UPDATE']
        .map(
          (one) => `coalesce(has_table_privilege(${role}, to_regclass(${quoteLiteral(table)})::oid, '${one}'), false)`,
        )
        .join(' AND '),
      versions: ALL,
    },
  ];
}

/** Those that a server of this major version knows. */
export function forVersion(privileges: readonly Privilege[], major: number): readonly Privilege[] {
  return privileges.filter(({ versions: [from, to] }) => major >= from && major < to);
}
