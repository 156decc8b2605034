import type { ServerDef } from '../core/model.js';
import { type Outcome, fail, ok } from '../core/outcome.js';
import { SLOT_PREFIX, slotName } from '../core/slot.js';
import type { SqlPort } from '../plugin/contract.js';

/** Makes the slot unless it is there; it keeps WAL from now on, so that the replica finds what it needs. */
export async function ensureSlot(sql: SqlPort, master: ServerDef, slot: string): Promise<Outcome<void>> {
  const text = `SELECT pg_create_physical_replication_slot($1, true)
     WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1)`;
  const made = await sql.query(master, text, [slot]);
  if (made.ok) return ok(undefined);
  // 42710: made by another run in between.
  return made.error.cause === '42710' ? ok(undefined) : made;
}

/** Drops a slot that we own, where it is and nobody uses it; says whether it was there. */
export async function dropSlot(sql: SqlPort, server: ServerDef, slot: string): Promise<Outcome<boolean>> {
  if (!slot.startsWith(SLOT_PREFIX)) {
    return fail('unsafe', `${server.name}: the slot ${slot} is not HandyRep's: it is left alone`, {
      server: server.name,
    });
  }
  const text = `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
     WHERE slot_name = $1 AND slot_type = 'physical' AND NOT active`;
  const done = await sql.query(server, text, [slot]);
  return done.ok ? ok(done.value.length > 0) : done;
}

/**
 * Drops the slots of ours on a server that no longer serve: on a replica all of them, since nobody follows it; on the master
 * those of servers that are not known and its own. A slot that is in use is left alone. Gives the names that were dropped.
 */
export async function dropStaleSlots(
  sql: SqlPort,
  server: ServerDef,
  serves: readonly ServerDef[],
): Promise<Outcome<readonly string[]>> {
  const needed = serves.map((one) => slotName(one.name));
  const text = `SELECT slot_name, pg_drop_replication_slot(slot_name) FROM pg_replication_slots
     WHERE slot_type = 'physical' AND NOT active AND starts_with(slot_name, $1)
       AND NOT slot_name = ANY (string_to_array($2, ','))`;
  const done = await sql.query(server, text, [SLOT_PREFIX, needed.join(',')]);
  return done.ok ? ok(done.value.map((row) => row['slot_name'] ?? '')) : done;
}
