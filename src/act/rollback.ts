import type { Operation } from '../core/model.js';
import { describeFailure } from '../core/outcome.js';
import { acceptsWrites } from '../core/situation.js';
import { waitFor } from '../io/wait.js';
import { type Actor, serverDef } from './actor.js';
import { unfence } from './fence.js';
import { restoreUpstream } from './upstream.js';

/**
 * Undoes an operation in which nobody was promoted: replicas get their upstreams back, and a master that lives loses
 * its standby.signal. Says what was done.
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
  return [...restored, ...(await unfenceLiving(actor, operation))];
}

async function unfenceLiving(actor: Actor, operation: Operation): Promise<readonly string[]> {
  const master = serverDef(actor, operation.old_master);
  if (master === null || !wasTouched(operation) || !acceptsWrites(await actor.look(master))) return [];
  const done = await unfence(actor, master);
  return [done.ok ? done.value : describeFailure(done.error)];
}

function wasTouched(operation: Operation): boolean {
  return operation.steps.some(
    ({ step, state }) =>
      step.kind === 'fence_old_master' &&
      state !== 'pending' &&
      (step.way.kind === 'signal' || step.way.kind === 'kill'),
  );
}

/** No candidate is left and the old master was stopped by us or lay dead: it is started again as master. */
export async function restartOldMaster(actor: Actor, operation: Operation): Promise<string> {
  const master = serverDef(actor, operation.old_master);
  if (master === null) return `${operation.old_master} is no longer known`;
  const free = await unfence(actor, master);
  if (!free.ok) return `the old master stays down: ${describeFailure(free.error)}`;
  const started = await startEventually(actor, operation.old_master);
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
      const started = await startEventually(actor, name);
      return started.ok ? `${name} was not promoted and is a replica again` : describeFailure(started.error);
    }),
  );
}

/** A killed postmaster that init has not collected yet keeps a new one from starting: tried again for a while. */
async function startEventually(actor: Actor, name: string): ReturnType<typeof startServer> {
  let started = await startServer(actor, name);
  const { recovery_timeout: deadline } = actor.settings;
  const again = async (): Promise<boolean> => {
    if (!started.ok) started = await startServer(actor, name);
    return started.ok;
  };
  if (!started.ok) await waitFor(again, { deadline, every: START_EVERY_MS, signal: actor.signal });
  return started;
}

const START_EVERY_MS = 500;

/** Starts a server by its restart method. */
export async function startServer(actor: Actor, name: string): ReturnType<typeof unfence> {
  const server = serverDef(actor, name);
  if (server === null) return { ok: false, error: { code: 'unknown_server', message: `${name} is not known` } };
  const plugin = await actor.registry.get('restart_method', server.restart_method);
  if (!plugin.ok) return plugin;
  const { command_timeout: timeout } = actor.settings;
  return plugin.value(actor.plugin_context, { server, action: 'start', mode: 'fast', timeout });
}
