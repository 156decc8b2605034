import type { ServerDef } from '../core/model.js';
import { type Failure, type Outcome, describeFailure, fail, ok } from '../core/outcome.js';
import { slotName } from '../core/slot.js';
import { waitFor } from '../io/wait.js';
import { type Actor, type StepInput, type StepResult, serverDef } from './actor.js';
import { pointToMaster } from './upstream.js';

const LOOK_EVERY_MS = 50;

/** Points the other replicas at the new master, all at once: a slot there, a reload here, and proof that they stream. */
export async function remaster(input: StepInput, step: { readonly servers: readonly string[] }): Promise<StepResult> {
  const { actor, operation } = input;
  const master = operation.new_master === null ? null : serverDef(actor, operation.new_master);
  if (master === null) return { kind: 'failed', error: fail('step_failed', 'no server was chosen').error };
  const replicas = step.servers.flatMap((name) => (name === master.name ? [] : (serverDef(actor, name) ?? [])));
  const done = await Promise.all(replicas.map((replica) => remasterOne(actor, replica, master)));
  const failures = done.flatMap((one): Failure[] => (one.ok ? [] : [one.error]));
  const [first] = failures;
  if (first !== undefined) {
    return { kind: 'failed', error: { ...first, message: failures.map(describeFailure).join('; '), hint: undefined } };
  }
  const notes = done.flatMap((one) => (one.ok ? [one.value] : []));
  return { kind: 'done', note: notes.length === 0 ? 'there is no other replica' : notes.join('; ') };
}

/** Makes one replica follow `master`: without a restart, and proved by both sides. */
async function remasterOne(actor: Actor, replica: ServerDef, master: ServerDef): Promise<Outcome<string>> {
  const slot = replica.use_slots ? slotName(replica.name) : '';
  if (slot !== '') {
    const made = await ensureSlot(actor, master, slot);
    if (!made.ok) return made;
  }
  const pointed = await pointToMaster(actor.sql, replica, {
    master,
    replication_user: actor.settings.replication_user,
    slot,
  });
  if (!pointed.ok) return pointed;
  const streams = await waitFor(() => follows(actor, replica, master), {
    deadline: actor.settings.recovery_timeout,
    every: LOOK_EVERY_MS,
    signal: actor.signal,
  });
  if (streams) return ok(`${replica.name} streams from ${master.name}`);
  return fail('step_failed', `${replica.name} was pointed at ${master.name} and does not stream from it`, {
    server: replica.name,
    hint: `look at the log of ${replica.name}: pg_hba.conf of ${master.name}, the replication user, a diverged timeline`,
  });
}

/** Makes the slot unless it is there; it keeps WAL from now on, so that the replica finds what it needs. */
async function ensureSlot(actor: Actor, master: ServerDef, slot: string): Promise<Outcome<void>> {
  const text = `SELECT pg_create_physical_replication_slot($1, true)
     WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1)`;
  const made = await actor.sql.query(master, text, [slot]);
  if (made.ok) return ok(undefined);
  // 42710: made by another run in between.
  return made.error.cause === '42710' ? ok(undefined) : made;
}

/** "streaming" on the replica, and from the server that was meant: its own word, not the setting. */
async function follows(actor: Actor, replica: ServerDef, master: ServerDef): Promise<boolean> {
  const { facts } = await actor.look(replica);
  const receiver = facts?.receiver;
  if (receiver?.kind !== 'running' || receiver.status !== 'streaming') return false;
  return receiver.sender_port === master.port && receiver.sender_host === master.hostname;
}
