import type { ServerDef } from '../core/model.js';
import type { SqlFacts } from '../core/observation.js';
import { type Failure, type Outcome, describeFailure, fail, ok } from '../core/outcome.js';
import { slotName } from '../core/slot.js';
import { waitFor } from '../io/wait.js';
import { type StepInput, type StepResult, type Tools, serverDef } from './actor.js';
import { ensureSlot } from './slots.js';
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

/** Makes one replica that runs follow `master`: without a restart, and proved by its own word. */
export async function remasterOne(actor: Tools, replica: ServerDef, master: ServerDef): Promise<Outcome<string>> {
  const slot = replica.use_slots ? slotName(replica.name) : '';
  if (slot !== '') {
    const made = await ensureSlot(actor.sql, master, slot);
    if (!made.ok) return made;
  }
  const pointed = await pointToMaster(actor.sql, replica, {
    master,
    replication_user: actor.settings.replication_user,
    slot,
  });
  if (!pointed.ok) return pointed;
  const streams = await waitFor(async () => follows((await actor.look(replica)).facts, master), {
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

/** "streaming" on the replica, and from the server that was meant: its own word, not the setting. */
export function follows(facts: SqlFacts | null, master: ServerDef): boolean {
  const receiver = facts?.receiver;
  if (receiver?.kind !== 'running' || receiver.status !== 'streaming') return false;
  return receiver.sender_port === master.port && receiver.sender_host === master.hostname;
}
