import type { ServerDef } from '../core/model.js';
import { type Outcome, ok } from '../core/outcome.js';
import type { SlotFacts } from '../core/slot-rules.js';
import type { SqlPort, SqlRow } from '../plugin/contract.js';

/** Works on a master and on a standby, which can have slots of its own for those that follow it. */
const SLOTS = `
SELECT s.slot_name, s.slot_type, s.active, s.wal_status, here.keep_size,
       pg_wal_lsn_diff(here.lsn, s.restart_lsn)::bigint AS retained
  FROM (SELECT CASE WHEN pg_is_in_recovery() THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
                    ELSE pg_current_wal_lsn() END AS lsn,
               (SELECT setting FROM pg_settings WHERE name = 'max_slot_wal_keep_size') AS keep_size) here
  LEFT JOIN pg_replication_slots s ON true
 ORDER BY s.slot_name`;

export interface SlotsFound {
  readonly slots: readonly SlotFacts[];
  /** MB; -1: without a limit; null: not told. */
  readonly keep_size: number | null;
}

/** The replication slots of one server, as it has them now. */
export async function readSlots(sql: SqlPort, server: ServerDef, signal: AbortSignal): Promise<Outcome<SlotsFound>> {
  const rows = await sql.query(server, SLOTS, [], { signal });
  if (!rows.ok) return rows;
  return ok({ slots: rows.value.flatMap(parseSlot), keep_size: numberOf(rows.value[0]?.['keep_size']) });
}

function parseSlot(row: SqlRow): readonly SlotFacts[] {
  const name = row['slot_name'] ?? null;
  if (name === null) return [];
  const retained = numberOf(row['retained']);
  return [
    {
      name,
      kind: row['slot_type'] === 'logical' ? 'logical' : 'physical',
      active: row['active'] === 't',
      wal_status: row['wal_status'] ?? null,
      retained: retained === null ? null : Math.max(0, retained),
    },
  ];
}

function numberOf(text: string | null | undefined): number | null {
  return text == null ? null : Number(text);
}
