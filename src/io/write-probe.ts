import { type Lsn, parseLsn } from '../core/lsn.js';
import type { ServerDef } from '../core/model.js';
import { type Outcome, fail, ok } from '../core/outcome.js';
import type { SqlOptions, SqlPort } from '../plugin/contract.js';

/**
 * A real write that needs no table: a transaction of its own, acknowledged (pg_logical_emit_message, "System Administration
 * Functions"). `local`, so that it does not wait for synchronous standbys. Gives the position behind it.
 */
export async function writeProbe(
  sql: SqlPort,
  server: ServerDef,
  note: string,
  options: SqlOptions = {},
): Promise<Outcome<Lsn>> {
  const statements = [
    { text: 'SET synchronous_commit = local' },
    { text: `SELECT pg_logical_emit_message(true, 'handyrep', $1) AS lsn`, params: [note] },
  ];
  const { reach, results } = await sql.look(server, statements, options);
  const wrote = results[1];
  if (wrote === undefined) {
    return fail('sql_connect', `${server.name}: ${reach.kind}: ${reach.detail}`, { server: server.name });
  }
  if (!wrote.ok) return wrote;
  const lsn = parseLsn(wrote.value[0]?.['lsn'] ?? '');
  return lsn === null
    ? fail('sql_query', `${server.name}: its answer to a write cannot be read`, { server: server.name })
    : ok(lsn);
}
