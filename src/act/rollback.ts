import type { Operation, StepKind } from '../core/model.js';
import { describeFailure } from '../core/outcome.js';
import { acceptsWrites } from '../core/situation.js';
import { type Actor, serverDef } from './actor.js';
import { waitFor } from '../io/wait.js';
import { letGo } from './connections.js';
import { fenceByCommand, unfence } from './fence.js';
import { startEventually } from './start.js';
import { restoreUpstream } from './upstream.js';

/**
 * Undoes an operation in which nobody was promoted: replicas get their upstreams back, the master loses its standby.signal,
 * dead or alive, since whoever starts it must get a master; and one that a switchover stopped is started again. Says what was
 * done.
 */
export async function rollBack(actor: Actor, operation: Operation): Promise<readonly string[]> {
  const restored = await Promise.all(
    operation.former_upstreams.map(async (former) => {
      const replica = serverDef(actor, former.server);
      if (replica === null) return `${former.server} is no longer known`;
      const done = await restoreUpstream(actor.sql, replica, former);
      return done.ok ? `${replica.name} follows its old master again` : describeFailure(done.error);
    }),
  );
  const revived = [...(await unfenceMaster(actor, operation)), ...(await reviveStopped(actor, operation))];
  return [...restored, ...revived, ...(await letGo(actor, operation))];
}

/** Whether the step of this kind was begun. */
function wasBegun(operation: Operation, kind: StepKind): boolean {
  return operation.steps.some(({ step, state }) => step.kind === kind && state !== 'pending');
}

/** Nobody was promoted, and the candidate that failed is proved unable to be: the old master may take writes again. */
async function reviveStopped(actor: Actor, operation: Operation): Promise<readonly string[]> {
  const master = serverDef(actor, operation.old_master);
  if (master === null || !wasBegun(operation, 'stop_old_master')) return [];
  if (acceptsWrites(await actor.look(master))) return [`${master.name} takes writes`];
  const other = await findWriter(actor, master.name);
  if (other !== null) return [`the old master stays down: ${other} accepts writes`];
  // It may still wait for a standby that does not answer. Its shutdown checkpoint is written, so nothing is lost by that.
  const ended = await fenceByCommand(actor, master, 'kill');
  if (!ended.ok) return [`the old master stays down: ${describeFailure(ended.error)}`];
  const restarted = await restartOldMaster(actor, operation);
  const { recovery_timeout: deadline } = actor.settings;
  const writes = async (): Promise<boolean> => acceptsWrites(await actor.look(master));
  const up = await waitFor(writes, { deadline, every: 50, signal: actor.signal });
  return [restarted, up ? `${master.name} takes writes again` : `${master.name} does not take writes yet`];
}

async function unfenceMaster(actor: Actor, operation: Operation): Promise<readonly string[]> {
  const master = serverDef(actor, operation.old_master);
  if (master === null || !wasTouched(operation)) return [];
  const seen = await actor.look(master);
  // Started meanwhile, it came up as a replica by the file, which is a person's to mend.
  if (seen.facts?.in_recovery === true) return [`${master.name} is in recovery`];
  const other = acceptsWrites(seen) ? null : await findWriter(actor, master.name);
  if (other !== null) return [`${master.name} keeps its standby.signal: ${other} accepts writes`];
  const done = await unfence(actor, master);
  return [done.ok ? done.value : describeFailure(done.error)];
}

function wasTouched(operation: Operation): boolean {
  return operation.steps.some(
    ({ step, state }) =>
      state !== 'pending' &&
      (step.kind === 'stop_old_master' ||
        (step.kind === 'fence_old_master' && (step.way.kind === 'signal' || step.way.kind === 'kill'))),
  );
}

/** Whoever else takes writes: somebody promoted it meanwhile. */
async function findWriter(actor: Actor, master: string): Promise<string | null> {
  const others = Object.values(actor.state.current().servers).filter(({ def }) => def.enabled && def.name !== master);
  const seen = await Promise.all(others.map(({ def }) => actor.look(def)));
  return seen.find(acceptsWrites)?.server ?? null;
}

/** No candidate is left and the old master was stopped by us or lay dead: it is started again as master. */
export async function restartOldMaster(actor: Actor, operation: Operation): Promise<string> {
  const master = serverDef(actor, operation.old_master);
  if (master === null) return `${operation.old_master} is no longer known`;
  const free = await unfence(actor, master);
  if (!free.ok) return `the old master stays down: ${describeFailure(free.error)}`;
  const started = await startEventually(actor, master);
  return started.ok ? `the old master was started again: ${started.value}` : describeFailure(started.error);
}

/**
 * Candidates that were killed because their promotion failed come up as the replicas that they are: a restart forgets
 * the request (PostgreSQL removes its promote file at start).
 */
export async function restartFailed(actor: Actor, operation: Operation): Promise<readonly string[]> {
  return Promise.all(
    operation.failed_candidates.map(async (name) => {
      const server = serverDef(actor, name);
      if (server === null) return `${name} is no longer known`;
      if ((await actor.look(server)).reach.kind === 'accepting') return `${name} was not promoted`;
      const started = await startEventually(actor, server);
      return started.ok ? `${name} was not promoted and is a replica again` : describeFailure(started.error);
    }),
  );
}
