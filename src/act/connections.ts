import { type Way, foldProxies, routeOf, waysOf, withOwed, withRoute } from '../core/connections.js';
import type { Operation, Route, SavedState } from '../core/model.js';
import { type Failure, type Outcome, describeFailure, fail } from '../core/outcome.js';
import { acceptsWrites } from '../core/situation.js';
import type { ConnectionRequest, PluginContext } from '../plugin/contract.js';
import type { Registry } from '../plugin/registry.js';
import { type Actor, type StepInput, type StepResult, type Tools, serverDef } from './actor.js';

/** What one way of the clients came to. */
export interface WayResult {
  readonly way: Way;
  readonly outcome: Outcome<string>;
}

export interface Asked {
  readonly method: string;
  readonly action: ConnectionRequest['action'];
  readonly ways: readonly Way[];
  readonly route: Route;
  /** A look: also as a client would connect. */
  readonly as_client?: boolean;
}

/** Asks the connection method to do this with each of these ways, all at once. */
export async function askWays(
  { registry, plugin_context: context }: { readonly registry: Registry; readonly plugin_context: PluginContext },
  state: SavedState,
  { method, action, ways, route, as_client = false }: Asked,
): Promise<readonly WayResult[]> {
  const plugin = await registry.get('connection_failover_method', method);
  const master = state.servers[route.master]?.def;
  const others = Object.values(state.servers).flatMap(({ def }) => (def.name === route.master ? [] : [def]));
  return Promise.all(
    ways.map(async (way): Promise<WayResult> => {
      if (!plugin.ok) return { way, outcome: plugin };
      const proxy = way === null ? null : (state.proxies[way]?.def ?? null);
      if (master === undefined) return { way, outcome: fail('step_failed', `${route.master} is no longer known`) };
      const replicas = others.filter(({ name }) => route.replicas.includes(name));
      return { way, outcome: await plugin.value(context, { action, proxy, master, replicas, others, as_client }) };
    }),
  );
}

function nameOf(way: Way, method: string): string {
  return way ?? method;
}

/** All notes as one line, or all failures as one. */
function together(method: string, results: readonly WayResult[]): Outcome<string> {
  const failures = results.flatMap(({ way, outcome }): { readonly way: Way; readonly error: Failure }[] =>
    outcome.ok ? [] : [{ way, error: outcome.error }],
  );
  const [first] = failures;
  if (first === undefined) {
    const notes = results.flatMap(({ outcome }) => (outcome.ok ? [outcome.value] : []));
    return { ok: true, value: notes.join('; ') || `${method}: every proxy is disabled` };
  }
  const words = failures.map(({ way, error }) =>
    error.message.startsWith(`${nameOf(way, method)}:`)
      ? describeFailure(error)
      : `${nameOf(way, method)}: ${describeFailure(error)}`,
  );
  return { ok: false, error: { ...first.error, message: words.join('; '), hint: undefined } };
}

/**
 * Lets the clients wait before the master is stopped. Where that fails, those that wait go on and nothing was stopped, unless
 * the operator forces it: then whoever could not be made to wait sees the change.
 */
export async function pauseConnections(
  { actor, operation, situation }: StepInput,
  { method }: { readonly method: string },
): Promise<StepResult> {
  const state = actor.state.current();
  const ways = waysOf(state);
  const at = new Date(actor.now()).toISOString();
  // First on record: whoever waits is let go on by a later run, whatever becomes of this one.
  const owed = await actor.state.save((one) => withOwed(one, ways, at));
  if (!owed.ok) return { kind: 'abort', error: owed.error };
  const route = { master: operation.old_master, replicas: routeOf(state)?.replicas ?? [] };
  const results = await askWays(actor, state, { method, action: 'pause', ways, route });
  const all = together(method, results);
  if (all.ok) return { kind: 'done', note: all.value };
  if (situation?.on_demand?.force === true) return { kind: 'failed', error: all.error };
  const hint = 'nothing was stopped; see what the clients do, and try again, or go on all the same with --force';
  const message = `the clients cannot be made to wait: ${all.error.message}`;
  return { kind: 'abort', error: { ...all.error, message, hint } };
}

/** Sends the clients to the new master. What cannot be told of it now stays owed, and a later check pays it. */
export async function moveConnections(
  { actor, operation }: StepInput,
  { method }: { readonly method: string },
): Promise<StepResult> {
  const master = operation.new_master === null ? null : serverDef(actor, operation.new_master);
  if (master === null) return { kind: 'failed', error: fail('step_failed', 'no server was chosen').error };
  const state = actor.state.current();
  const replicas = (routeOf(state)?.replicas ?? []).filter((name) => name !== master.name);
  const moved = await sendTo(actor, { method, ways: waysOf(state), route: { master: master.name, replicas } });
  if (!moved.ok) {
    const hint = 'the next checks go on with it';
    return { kind: 'failed', error: { ...moved.error, hint: moved.error.hint ?? hint } };
  }
  return { kind: 'done', note: moved.value };
}

/** Brings these ways to where clients belong, and puts on record what became of it. */
export async function sendTo(
  actor: Pick<Actor, 'state' | 'registry' | 'plugin_context' | 'now'>,
  { method, ways, route }: Omit<Asked, 'action'>,
): Promise<Outcome<string>> {
  const begun = new Date(actor.now()).toISOString();
  const owed = await actor.state.save((one) => withOwed(one, ways, begun));
  if (!owed.ok) return owed;
  const results = await askWays(actor, owed.value, { method, action: 'move', ways, route });
  const at = new Date(actor.now()).toISOString();
  const saved = await actor.state.save((one) => folded(one, results, route, at));
  return saved.ok ? together(method, results) : saved;
}

function folded(state: SavedState, results: readonly WayResult[], route: Route, at: string): SavedState {
  const answers = Object.fromEntries(
    results.flatMap(({ way, outcome }) => (way === null ? [] : [[way, outcome] as const])),
  );
  const moved = results.flatMap(({ way, outcome }) => (outcome.ok ? [way] : []));
  const judged = { ...state, proxies: foldProxies(state, answers, at) };
  return moved.reduce((one, way) => withRoute(one, way, route), judged);
}

/**
 * Nobody was promoted: clients that were made to wait go on with the old master, once it takes writes. Where it does not, they
 * go on waiting: what is owed to them is on record, and paid when there is a master.
 */
export async function letGo(actor: Actor, operation: Operation): Promise<readonly string[]> {
  const paused = operation.steps.find(({ step, state }) => step.kind === 'pause_connections' && state !== 'pending');
  const master = serverDef(actor, operation.old_master);
  if (paused?.step.kind !== 'pause_connections' || master === null) return [];
  if (!acceptsWrites(await actor.look(master))) return [`the clients wait until ${master.name} takes writes`];
  const { method } = paused.step;
  const state = actor.state.current();
  const route = { master: master.name, replicas: routeOf(state)?.replicas ?? [] };
  const back = await sendTo(actor, { method, ways: waysOf(state), route });
  return [back.ok ? `the clients go on: ${back.value}` : `the clients: ${describeFailure(back.error)}`];
}

/** Looks whether the clients of these ways are sent to where they belong. Nothing where no master is recorded. */
export async function lookAtWays(
  tools: Pick<Tools, 'registry' | 'plugin_context'>,
  state: SavedState,
  asked: Omit<Asked, 'action' | 'route'>,
): Promise<readonly WayResult[]> {
  const route = routeOf(state);
  return route === null ? [] : askWays(tools, state, { ...asked, action: 'look', route });
}
