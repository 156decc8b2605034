import { fenceByCommand } from '../act/fence.js';
import { type NewMaster, formerStatus, withNewMaster } from '../act/record.js';
import { service } from '../act/start.js';
import type { Actor } from '../act/actor.js';
import type { FormerMaster, SavedState, ServerDef } from '../core/model.js';
import { type Outcome, describeFailure } from '../core/outcome.js';
import { payableFencing } from '../core/owed-fencing.js';
import { type Situation, acceptsWrites } from '../core/situation.js';
import { waitFor } from '../io/wait.js';
import { type Session, actorOf } from './session.js';

export interface Done {
  readonly ok: boolean;
  readonly details: string;
}

/** Rule 3: stops former masters that take writes again, and leaves standby.signal. */
export async function fenceReturned(session: Session, names: readonly string[]): Promise<Done> {
  const actor = actorOf(session);
  const results = await Promise.all(
    names.map(async (name): Promise<Done> => {
      const def = session.state.current().servers[name]?.def;
      if (def === undefined) return { ok: false, details: `${name} is not known` };
      const done = await fenceSomehow(session, actor, def);
      const details = done.ok ? `${name} was stopped: ${done.value}` : describeFailure(done.error);
      session.tell({ category: 'FENCE', message: details, server: name, iserror: !done.ok, alert: true });
      if (done.ok) await recordFenced(session, name);
      return { ok: done.ok, details };
    }),
  );
  const details = results.map((one) => one.details).join('; ');
  return { ok: results.every((one) => one.ok), details };
}

/**
 * Fencing that is owed is paid as soon as the host is back, before PostgreSQL is started there: then it comes up as a replica,
 * and there is no moment with two masters. What its host does not let us do is told by the status, and tried again.
 * True: something was tried.
 */
export async function payOwedFencing(session: Session, situation: Situation, everywhere: boolean): Promise<boolean> {
  const { servers } = session.state.current();
  const due = payableFencing(situation, everywhere).flatMap((name) => servers[name]?.def ?? []);
  await Promise.all(
    due.map(async (def) => {
      const { name: server } = def;
      const done = await payFencing(session, def);
      if (done.ok)
        session.tell({ category: 'FENCE', message: `${server} is back: ${done.value}`, server, alert: true });
      else session.tell({ category: 'FENCE', message: `still owed: ${describeFailure(done.error)}`, server });
    }),
  );
  return due.length > 0;
}

/** Stops a former master whose fencing is owed, and puts that on record. */
export async function payFencing(session: Session, server: ServerDef): Promise<Outcome<string>> {
  const done = await fenceByCommand(actorOf(session), server, 'kill');
  if (done.ok) await recordFenced(session, server.name);
  return done;
}

/** It is stopped all the same when this fails; while that is not on record the next check fences it again. */
async function recordFenced(session: Session, name: string): Promise<void> {
  const saved = await session.state.save((state) => markFenced(state, name));
  if (!saved.ok) session.tell({ category: 'STATE', message: describeFailure(saved.error), iserror: true });
}

/** By commands on its host; where those do not reach it, by the configured fence method. */
async function fenceSomehow(session: Session, actor: Actor, def: ServerDef): Promise<Outcome<string>> {
  const done = await fenceByCommand(actor, def, 'kill');
  const { fence_method } = session.config.failover;
  if (done.ok || fence_method === null) return done;
  const plugin = await session.registry.get('fence_method', fence_method);
  return plugin.ok ? plugin.value(actor.plugin_context, def) : plugin;
}

function markFenced(state: SavedState, name: string): SavedState {
  const at = new Date().toISOString();
  const servers = { ...state.servers };
  const former_masters = state.former_masters.map((one): FormerMaster => {
    if (one.server !== name) return one;
    const saved = servers[name];
    if (saved !== undefined)
      servers[name] = { ...saved, status: formerStatus({ at, fenced: true, reason: one.reason }) };
    return { ...one, fenced: at };
  });
  return { ...state, servers, former_masters };
}

/** The exception of rule 5: a promotion by hand is recorded, and the fencing of the old master owed. */
export async function recordMaster(
  session: Session,
  situation: Situation,
  change: { readonly old_master: string; readonly new_master: string },
): Promise<Done> {
  const saved = await session.state.save((state) => withNewMaster(state, handMade(session, situation, change)));
  const message = `${change.new_master} is recorded as master, promoted by hand in place of ${change.old_master}`;
  const details = saved.ok ? message : `${message}: ${describeFailure(saved.error)}`;
  session.tell({ category: 'STATE', message: details, server: change.new_master, iserror: !saved.ok, alert: true });
  return { ok: saved.ok, details };
}

/** A change of master that somebody else made: nobody has fenced the old one, and the clients are still to be moved. */
export function handMade(
  session: Session,
  situation: Situation,
  change: Pick<NewMaster, 'old_master' | 'new_master'>,
): NewMaster {
  const facts = situation.servers[change.new_master]?.facts;
  return {
    ...change,
    timeline: facts?.timeline ?? null,
    lsn: facts?.lsn ?? null,
    at: new Date(situation.now).toISOString(),
    fenced: false,
    reason: `${change.new_master} was promoted by hand`,
    moves_clients: session.config.failover.connection_failover_method !== null,
  };
}

/** Starts the master again; null when it takes writes, else why not. */
export async function restartMaster(session: Session, name: string): Promise<string | null> {
  const actor = actorOf(session);
  const def = session.state.current().servers[name]?.def;
  if (def === undefined) return `${name} is not known`;
  session.tell({ category: 'RECOVERY', message: `starting the master ${name} again`, server: name, alert: true });
  const started = await service(actor, def, 'start');
  if (!started.ok) return describeFailure(started.error);
  const up = await waitFor(async () => acceptsWrites(await actor.look(def)), {
    deadline: actor.settings.recovery_timeout,
    every: 200,
    signal: session.signal,
  });
  return up ? null : `${name} was started and does not take writes yet`;
}
