import {
  type Conninfo,
  formatConninfo,
  getValue,
  parseConninfo,
  pointAt,
  pointNowhere,
  pointsNowhere,
} from '../core/conninfo.js';
import type { FormerUpstream, ServerDef } from '../core/model.js';
import { type Outcome, fail, ok } from '../core/outcome.js';
import { quoteLiteral } from '../core/sqltext.js';
import type { SqlPort, SqlUser, Statement } from '../plugin/contract.js';

/** The settings that say whom a replica follows, as it has them now. The conninfo may hold a password. */
interface Following {
  readonly conninfo: Conninfo;
  readonly slot: string;
}

export async function readFollowing(sql: SqlPort, replica: ServerDef): Promise<Outcome<Following>> {
  const text = `SELECT current_setting('primary_conninfo') AS conninfo, current_setting('primary_slot_name') AS slot`;
  const rows = await sql.query(replica, text);
  if (!rows.ok) return rows;
  const conninfo = parseConninfo(rows.value[0]?.['conninfo'] ?? '');
  if (conninfo === null) {
    return fail('step_failed', `${replica.name}: its primary_conninfo cannot be understood`, {
      server: replica.name,
      hint: 'set it by hand and reload',
    });
  }
  return ok({ conninfo, slot: rows.value[0]?.['slot'] ?? '' });
}

/**
 * Changes whom a replica follows, by ALTER SYSTEM and a reload: since PostgreSQL 13 that needs no restart (runtime
 * configuration, "primary_conninfo"). ALTER SYSTEM takes no parameters, so the values are quoted literals.
 */
async function follow(sql: SqlPort, replica: ServerDef, next: Following): Promise<Outcome<void>> {
  const statements: readonly Statement[] = [
    { text: `ALTER SYSTEM SET primary_conninfo = ${quoteLiteral(formatConninfo(next.conninfo))}` },
    { text: `ALTER SYSTEM SET primary_slot_name = ${quoteLiteral(next.slot)}` },
    { text: 'SELECT pg_reload_conf()' },
  ];
  const tried = await alter(sql, replica, statements, 'handyrep');
  // 42501: our role may not (before PostgreSQL 15 no grant serves for ALTER SYSTEM).
  if (tried.ok || tried.error.cause !== '42501') return tried;
  return alter(sql, replica, statements, 'superuser');
}

async function alter(
  sql: SqlPort,
  replica: ServerDef,
  statements: readonly Statement[],
  user: SqlUser,
): Promise<Outcome<void>> {
  const { reach, results } = await sql.look(replica, statements, { user });
  if (reach.kind !== 'accepting') {
    return fail('sql_connect', `${replica.name}: ${reach.kind} as ${user}: ${reach.detail}`, {
      server: replica.name,
      hint: 'grant what `handyrep init --print-sql` prints, or let the superuser log in',
    });
  }
  const failed = results.find((result) => !result.ok);
  return failed?.ok === false ? failed : ok(undefined);
}

/** Where a replica points now, for the journal: no secret is in it. Null: it is stopped already. */
export async function currentUpstream(sql: SqlPort, replica: ServerDef): Promise<Outcome<FormerUpstream | null>> {
  const now = await readFollowing(sql, replica);
  if (!now.ok) return now;
  const { conninfo } = now.value;
  if (pointsNowhere(conninfo)) return ok(null);
  return ok({
    server: replica.name,
    host: getValue(conninfo, 'host'),
    hostaddr: getValue(conninfo, 'hostaddr'),
    port: getValue(conninfo, 'port'),
  });
}

/** Points a replica's WAL receiver nowhere, so that it cannot move on; everything else in its string is kept. */
export async function stopReceiver(sql: SqlPort, replica: ServerDef): Promise<Outcome<void>> {
  const now = await readFollowing(sql, replica);
  if (!now.ok) return now;
  return follow(sql, replica, { ...now.value, conninfo: pointNowhere(now.value.conninfo) });
}

/** Gives a replica its former upstream back. */
export async function restoreUpstream(
  sql: SqlPort,
  replica: ServerDef,
  former: FormerUpstream,
): Promise<Outcome<void>> {
  const now = await readFollowing(sql, replica);
  if (!now.ok) return now;
  const { conninfo, slot } = now.value;
  if (!pointsNowhere(conninfo)) return ok(undefined);
  const kept = pointAt(
    conninfo,
    { host: former.host ?? '', hostaddr: former.hostaddr, port: former.port ?? '5432' },
    {},
  );
  return follow(sql, replica, { conninfo: former.host === null ? withoutHost(kept) : kept, slot });
}

function withoutHost(conninfo: Conninfo): Conninfo {
  return conninfo.filter(([keyword]) => keyword !== 'host');
}

export interface NewUpstream {
  readonly master: ServerDef;
  readonly replication_user: string;
  /** Empty: no slot. */
  readonly slot: string;
}

/** Points a replica at a new master. */
export async function pointToMaster(sql: SqlPort, replica: ServerDef, upstream: NewUpstream): Promise<Outcome<void>> {
  const now = await readFollowing(sql, replica);
  if (!now.ok) return now;
  const { master, replication_user: user } = upstream;
  const address = { host: master.hostname, port: String(master.port) };
  const conninfo = pointAt(now.value.conninfo, address, { user, application_name: replica.name });
  return follow(sql, replica, { conninfo, slot: upstream.slot });
}
