import type { Config } from '../config/effective.js';
import { fail, ok, type Outcome } from '../core/outcome.js';
import type { ServerDef } from '../core/model.js';
import { type Report, failed, success } from '../report/report.js';
import { type InitNames, initStatements, printInitSql } from '../state/table.js';
import { tableNames } from './memory.js';
import type { Reach } from './open.js';

function initNames(config: Config): InitNames {
  const { handyrep_db, handyrep_user, replication_user } = config.handyrep;
  return { ...tableNames(config), handyrep_db, handyrep_user, replication_user };
}

export function initSql(config: Config): Report & { readonly sql: string } {
  return success('the SQL for the master, to be run as superuser', { sql: printInitSql(initNames(config)) });
}

/** Runs the same SQL on the server that accepts writes, as superuser. */
export async function init(reach: Reach): Promise<Report> {
  const { config } = reach.loaded;
  const master = await findWriter(reach, Object.values(config.servers));
  if (!master.ok) return failed(master.error);
  const statements = initStatements(initNames(config)).map((text) => ({ text }));
  const { reach: answer, results } = await reach.sql.look(master.value, statements, { user: 'superuser' });
  const wrong = results.find((result) => !result.ok);
  if (wrong?.ok === false) return failed(wrong.error);
  if (answer.kind !== 'accepting' || results.length < statements.length) {
    return failed({
      code: 'sql_connect',
      message: `${master.value.name}: ${answer.kind} as superuser: ${answer.detail}`,
      hint: 'let the superuser log in, or run `handyrep init --print-sql` through psql',
    });
  }
  reach.tell({ category: 'CONFIG', message: `init was run on ${master.value.name}`, server: master.value.name });
  return success(`roles, grants, schema and table are in place on ${master.value.name}`, { master: master.value.name });
}

/** The one server that is not in recovery, asked as superuser, since our own role may not exist yet. */
async function findWriter(reach: Reach, servers: readonly ServerDef[]): Promise<Outcome<ServerDef>> {
  const asked = await Promise.all(
    servers.map(async (server) => {
      const rows = await reach.sql.query(server, 'SELECT pg_is_in_recovery() AS standby', [], { user: 'superuser' });
      return { server, rows };
    }),
  );
  const writers = asked.filter(({ rows }) => rows.ok && rows.value[0]?.['standby'] === 'f');
  const [only, ...others] = writers;
  if (only !== undefined && others.length === 0) return ok(only.server);
  if (only !== undefined) {
    const names = writers.map(({ server }) => server.name).join(' and ');
    return fail('unsafe', `${names} accept writes: it is not clear which one is the master`, {
      hint: 'stop the one whose data is not to be kept',
    });
  }
  const reasons = asked.map(({ server, rows }) => `${server.name}: ${rows.ok ? 'is in recovery' : rows.error.message}`);
  return fail('sql_connect', `no server accepts writes as superuser (${reasons.join('; ')})`, {
    hint: 'start the master, or run `handyrep init --print-sql` through psql there',
  });
}
