import { encodeJson } from '../core/json.js';
import type { SavedState, ServerDef } from '../core/model.js';
import { fail, ok, type Failure, type Outcome } from '../core/outcome.js';
import { parseState } from '../core/saved.js';
import type { SqlOptions, SqlPort, SqlRow, Statement } from '../plugin/contract.js';
import { type RoleNames, tablePrivileges } from '../core/privileges.js';
import { roleStatements } from './grants.js';
import { quoteIdent } from '../core/sqltext.js';

/** SQLSTATE of a table, and of a schema, that does not exist. */
const ABSENT: readonly string[] = ['42P01', '3F000'];

/** Names that the configuration gives; they reach SQL only by way of {@link quoteIdent}. */
export interface TableNames {
  readonly cluster_name: string;
  readonly handyrep_schema: string;
  readonly handyrep_table: string;
}

export interface InitNames extends TableNames, RoleNames {
  readonly handyrep_db: string;
}

/** The state's row of the cluster table; no row when nothing was written yet. Works on a replica too. */
export function readStatement(names: TableNames): Statement {
  return {
    text: `SELECT state::text AS state FROM ${table(names)} WHERE cluster_name = $1`,
    params: [names.cluster_name],
  };
}

/** What {@link readStatement} gave; null when there is no state in the table, or no table. */
export function parseRows(names: TableNames, rows: Outcome<readonly SqlRow[]>): Outcome<SavedState | null> {
  if (!rows.ok) return isAbsent(rows.error) ? ok(null) : rows;
  const text = rows.value[0]?.['state'] ?? null;
  if (text === null) return ok(null);
  const parsed = parseState(text, names.cluster_name);
  if (parsed.ok) return parsed;
  const message = `the state in the table ${names.handyrep_schema}.${names.handyrep_table}: ${parsed.error.message}`;
  return { ok: false, error: { ...parsed.error, message } };
}

/**
 * Writes the state unless the table holds the same or a later generation; gives a row only when it wrote. It does not
 * wait for synchronous standbys, which may be gone: the table is a copy, and the next write brings it up to date
 * ("synchronous_commit"). The setting is part of the statement, as it counts at the commit of its own transaction only.
 */
export function writeStatement(names: TableNames, state: SavedState): Statement {
  const text = [
    "WITH setting AS MATERIALIZED (SELECT set_config('synchronous_commit', 'local', true))",
    `INSERT INTO ${table(names)} AS t (cluster_name, format, generation, updated, state)`,
    'SELECT $1, $2::int, $3::bigint, $4::timestamptz, $5::jsonb FROM setting',
    'ON CONFLICT (cluster_name) DO UPDATE SET format = excluded.format, generation = excluded.generation,',
    '  updated = excluded.updated, state = excluded.state',
    'WHERE t.generation < excluded.generation',
    'RETURNING generation',
  ].join('\n');
  const params = [names.cluster_name, state.format, state.generation, state.updated, encodeJson(state)];
  return { text, params };
}

/** Reads the state from the table of one server; null when it has none. */
export async function readTable(
  sql: SqlPort,
  server: ServerDef,
  names: TableNames,
  options?: SqlOptions,
): Promise<Outcome<SavedState | null>> {
  const { text, params } = readStatement(names);
  return parseRows(names, await sql.query(server, text, params, options));
}

/** Writes the state into the table of the master; `kept`: what is there already is as new or newer. */
export async function writeTable(
  sql: SqlPort,
  server: ServerDef,
  names: TableNames,
  state: SavedState,
  options?: SqlOptions,
): Promise<Outcome<'written' | 'kept'>> {
  const { text, params } = writeStatement(names, state);
  const rows = await sql.query(server, text, params, options);
  if (rows.ok) return ok(rows.value.length === 0 ? 'kept' : 'written');
  const { message, cause, hint } = rows.error;
  return fail('table_unwritable', `the cluster table on ${server.name} was not written: ${message}`, {
    hint: isAbsent(rows.error) ? 'run `handyrep init`' : hint,
    server: server.name,
    cause,
  });
}

/** What `handyrep init` runs, as superuser, on the master in the database `handyrep_db`; can be run again. */
export function initStatements(names: InitNames): string[] {
  const schema = quoteIdent(names.handyrep_schema);
  return [
    ...roleStatements(names),
    `CREATE SCHEMA IF NOT EXISTS ${schema}`,
    `CREATE TABLE IF NOT EXISTS ${table(names)} (\n  cluster_name text PRIMARY KEY,\n  format int NOT NULL,\n` +
      '  generation bigint NOT NULL,\n  updated timestamptz NOT NULL,\n  state jsonb NOT NULL\n)',
    ...tablePrivileges(names, names).map(({ grant }) => grant),
  ];
}

/** The whole of `init --print-sql`, for psql. Holds no password. */
export function printInitSql(names: InitNames): string {
  const users = [...new Set([names.handyrep_user, names.replication_user])];
  return [
    '-- Run this as a superuser, with psql, on the master. It can be run again.',
    '-- PostgreSQL 13 to 18. On 13 and 14, CHECKPOINT and ALTER SYSTEM cannot be granted: there HandyRep needs the',
    '-- superuser (postgres_superuser) for them.',
    '\\set ON_ERROR_STOP on',
    `\\connect ${metaArgument(names.handyrep_db)}`,
    '',
    ...initStatements(names).map((statement) => `${statement};\n`),
    '-- Then set the passwords, which psql asks for and sends encrypted:',
    ...users.map((user) => `--   \\password ${metaArgument(user)}`),
    '',
  ].join('\n');
}

function table(names: TableNames): string {
  return `${quoteIdent(names.handyrep_schema)}.${quoteIdent(names.handyrep_table)}`;
}

/** psql takes double quotes in arguments of its commands as SQL does. */
function metaArgument(name: string): string {
  return quoteIdent(name);
}

function isAbsent(error: Failure): boolean {
  return error.cause !== undefined && ABSENT.includes(error.cause);
}
