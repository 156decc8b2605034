import { SLOT_RELEASE_MS } from '../core/limits.js';
import type { SavedState, ServerDef } from '../core/model.js';
import { type Outcome, describeFailure } from '../core/outcome.js';
import { slotName } from '../core/slot.js';
import { pause } from '../io/wait.js';
import type { Tools } from './actor.js';
import { dropSlot } from './slots.js';

const RELEASE_EVERY_MS = 100;

/**
 * Drops the slot of a replica on every server that it does not follow any more, where nobody uses it: an inactive slot keeps
 * WAL until the disk is full. Says what was done; a server that does not answer keeps it, and a verify tells.
 */
export async function dropSlotElsewhere(
  tools: Tools,
  state: SavedState,
  replica: ServerDef,
  keep: string | null,
): Promise<readonly string[]> {
  if (isShared(state, replica)) return [];
  const others = Object.values(state.servers).flatMap(({ def }) =>
    def.name === replica.name || def.name === keep || !def.enabled ? [] : [def],
  );
  const said = await Promise.all(others.map((def) => dropOn(tools, def, slotName(replica.name))));
  return said.flat();
}

/** Two names can give one slot: then it is not this replica's alone. */
export function isShared(state: SavedState, replica: ServerDef): boolean {
  const slot = slotName(replica.name);
  return Object.keys(state.servers).some((name) => name !== replica.name && slotName(name) === slot);
}

async function dropOn(tools: Tools, server: ServerDef, slot: string): Promise<readonly string[]> {
  const state = await releasedSlot(tools, server, slot);
  if (!state.ok) return [`its slot on ${server.name} could not be looked for: ${state.error.message}`];
  if (state.value === 'none') return [];
  if (state.value === 'active') return [`its slot ${slot} on ${server.name} is still in use and stays`];
  const dropped = await dropSlot(tools.sql, server, slot);
  if (!dropped.ok) return [`its slot ${slot} on ${server.name} stays: ${describeFailure(dropped.error)}`];
  return dropped.value ? [`its slot ${slot} on ${server.name} was dropped`] : [];
}

async function releasedSlot(tools: Tools, server: ServerDef, slot: string): Promise<Outcome<SlotState>> {
  const end = performance.now() + SLOT_RELEASE_MS;
  for (;;) {
    const state = await slotState(tools, server, slot);
    if (!state.ok || state.value !== 'active' || performance.now() > end || tools.signal.aborted) return state;
    await pause(RELEASE_EVERY_MS, tools.signal);
  }
}

type SlotState = 'none' | 'inactive' | 'active';

/** What there is of a slot on a server. */
export async function slotState(tools: Tools, server: ServerDef, slot: string): Promise<Outcome<SlotState>> {
  const rows = await tools.sql.query(server, 'SELECT active FROM pg_replication_slots WHERE slot_name = $1', [slot]);
  if (!rows.ok) return rows;
  const active = rows.value[0]?.['active'];
  if (active === undefined) return { ok: true, value: 'none' };
  return { ok: true, value: active === 't' ? 'active' : 'inactive' };
}
