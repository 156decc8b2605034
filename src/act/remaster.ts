import type { SavedState, ServerDef } from '../core/model.js';
import type { ServerObservation, SqlFacts } from '../core/observation.js';
import { type Failure, type Outcome, describeFailure, fail, ok } from '../core/outcome.js';
import { slotName } from '../core/slot.js';
import { waitFor } from '../io/wait.js';
import { type StepInput, type StepResult, type Tools, serverDef } from './actor.js';
import { withStreaming } from './record.js';
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
  const followers = done.flatMap((one) => (one.ok ? [one.value] : []));
  // The next master may be lost before any calm round has seen who follows it.
  const change = (state: SavedState): SavedState => withStreaming(state, followers);
  const [first] = failures;
  if (first !== undefined) {
    const message = failures.map(describeFailure).join('; ');
    return { kind: 'failed', error: { ...first, message, hint: undefined }, change };
  }
  const notes = followers.map((replica) => streamsFrom(replica, master));
  return { kind: 'done', note: notes.length === 0 ? 'there is no other replica' : notes.join('; '), change };
}

/** What is told of a replica that follows. */
export function streamsFrom({ server }: ServerObservation, master: ServerDef): string {
  return `${server} streams from ${master.name}`;
}

/** Makes one replica that runs follow `master`: without a restart, and proved by its own word, which is the answer. */
export async function remasterOne(
  actor: Tools,
  replica: ServerDef,
  master: ServerDef,
): Promise<Outcome<ServerObservation>> {
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
  let seen = await actor.look(replica);
  const streams = async (): Promise<boolean> => {
    if (!follows(seen.facts, master)) seen = await actor.look(replica);
    return follows(seen.facts, master);
  };
  const { recovery_timeout: deadline } = actor.settings;
  if (await waitFor(streams, { deadline, every: LOOK_EVERY_MS, signal: actor.signal })) return ok(seen);
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
