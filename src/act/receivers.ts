import { RECEIVER_FADE_MS, RECEIVER_STOP_MS } from '../core/limits.js';
import type { FormerUpstream, ServerDef } from '../core/model.js';
import { describeFailure } from '../core/outcome.js';
import { waitFor } from '../io/wait.js';
import { type Actor, type StepInput, type StepResult, serverDef } from './actor.js';
import { currentUpstream, stopReceiver } from './upstream.js';

const LOOK_EVERY_MS = 20;

/**
 * Stops the WAL receivers, so that nobody moves after the choice. Where the old master is proved dead they end by themselves, and
 * nothing need be changed. Where it is only out of reach, a replica whose receiver has ended tries again every few seconds, and
 * would confirm commits of a master that is back: all are stopped. A replica whose receiver cannot be stopped is told of, no more:
 * the choice looks at positions after this.
 */
export async function stopReceivers(
  input: StepInput,
  step: { readonly servers: readonly string[] },
): Promise<StepResult> {
  const { actor, operation } = input;
  const dead = operation.steps.some(
    ({ step: one }) => one.kind === 'fence_old_master' && (one.way.kind === 'signal' || one.way.kind === 'kill'),
  );
  const replicas = step.servers.flatMap((name) => serverDef(actor, name) ?? []);
  const running = dead ? await stillReceiving(actor, replicas) : replicas;
  if (running.length === 0) return { kind: 'done', note: 'no WAL receiver runs' };
  const notes = await stopAll(input, running);
  return { kind: 'done', note: notes.join('; ') };
}

async function stillReceiving(actor: Actor, replicas: readonly ServerDef[]): Promise<readonly ServerDef[]> {
  const receiving = await Promise.all(replicas.map(async (one) => !(await receiverGone(actor, one, RECEIVER_FADE_MS))));
  return replicas.filter((_, index) => receiving[index]);
}

async function receiverGone(actor: Actor, replica: ServerDef, patience: number): Promise<boolean> {
  const gone = async (): Promise<boolean> => {
    const { facts } = await actor.look(replica);
    return facts?.receiver?.kind === 'none';
  };
  return waitFor(gone, { deadline: patience, every: LOOK_EVERY_MS, signal: actor.signal });
}

async function stopAll({ actor, note }: StepInput, replicas: readonly ServerDef[]): Promise<readonly string[]> {
  const upstreams = await Promise.all(replicas.map((replica) => currentUpstream(actor.sql, replica)));
  const former = upstreams.flatMap((found): FormerUpstream[] =>
    found.ok && found.value !== null ? [found.value] : [],
  );
  const journalled = await note((operation) => ({
    ...operation,
    former_upstreams: [...operation.former_upstreams, ...former],
  }));
  if (!journalled.ok) return [`WAL receivers left alone: ${describeFailure(journalled.error)}`];
  return Promise.all(
    replicas.map(async (replica) => {
      const stopped = await stopReceiver(actor.sql, replica);
      if (!stopped.ok)
        return `the WAL receiver of ${replica.name} could not be stopped: ${describeFailure(stopped.error)}`;
      const gone = await receiverGone(actor, replica, RECEIVER_STOP_MS);
      return gone ? `WAL receiver of ${replica.name} stopped` : `the WAL receiver of ${replica.name} still runs`;
    }),
  );
}
