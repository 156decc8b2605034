import type { Route, Routing, SavedProxy, SavedState, ServerStatus, ServerStatusName } from './model.js';
import { SERVER_STATUS_NO } from './model.js';
import type { Failure } from './outcome.js';
import { type Situation, enabledReplicas, recordedMaster } from './situation.js';
import { managerSickness } from './suspicion.js';

/** One way of the clients to the servers: the name of a proxy; null: the method's own, where there is no proxy. */
export type Way = string | null;

/** Every way that takes part: the enabled proxies, or the method's own where none is known. */
export function waysOf(state: SavedState): readonly Way[] {
  const proxies = Object.values(state.proxies);
  if (proxies.length === 0) return [null];
  return proxies.flatMap(({ def }) => (def.enabled ? [def.name] : []));
}

/** Where clients belong now: with the recorded master, readers with the replicas that are well. Null: no master is recorded. */
export function routeOf(state: SavedState): Route | null {
  const master = recordedMaster(state);
  if (master === null) return null;
  const replicas = enabledReplicas(state).filter((name) => state.servers[name]?.status.status === 'healthy');
  return { master, replicas: replicas.toSorted() };
}

function routingOf(state: SavedState, way: Way): Routing | undefined {
  return way === null ? state.routing : state.proxies[way];
}

function withRouting(state: SavedState, ways: readonly Way[], change: Partial<Routing>): SavedState {
  const proxies: Record<string, SavedProxy> = { ...state.proxies };
  for (const way of ways) {
    const proxy = way === null ? undefined : proxies[way];
    if (proxy !== undefined) proxies[proxy.def.name] = { ...proxy, ...change };
  }
  return { ...state, proxies, routing: ways.includes(null) ? { ...state.routing, ...change } : state.routing };
}

/** Put on record before anything is done: whatever becomes of it, a later check brings these to where they belong. */
export function withOwed(state: SavedState, ways: readonly Way[], at: string): SavedState {
  const fresh = ways.filter((way) => routingOf(state, way)?.owed === null);
  return withRouting(state, fresh, { owed: at });
}

/** No connection method is set any more: nobody is owed anything. Null: so it is already. */
export function withNothingOwed(state: SavedState): SavedState | null {
  const owing = [null, ...Object.keys(state.proxies)].filter((way) => routingOf(state, way)?.owed != null);
  return owing.length === 0 ? null : withRouting(state, owing, { owed: null });
}

/** It acknowledged that clients go there. */
export function withRoute(state: SavedState, way: Way, route: Route): SavedState {
  return withRouting(state, [way], { route, owed: null });
}

function sameRoute(a: Route, b: Route): boolean {
  return a.master === b.master && a.replicas.join('\n') === b.replicas.join('\n');
}

/**
 * The ways that a check is to bring to where they belong: what an operation could not finish, what was found elsewhere, and
 * what the health of a replica has changed. One that nothing was ever done with is left alone until `proxy init`, a failover or
 * `server enable`. Only with a master that is well: clients are sent nowhere by a guess. A pause ends no operation: what one
 * owes is paid.
 */
export function dueWays(s: Situation): readonly Way[] {
  const { state, policy } = s;
  if (policy.connection_failover_method === null || state.operation !== null) return [];
  if (managerSickness(s).length > 0) return [];
  const route = routeOf(state);
  if (route === null) return [];
  return waysOf(state).filter((way) => {
    const known = routingOf(state, way);
    if (known === undefined) return false;
    if (known.owed !== null) return true;
    return state.pause === null && known.route !== null && !sameRoute(known.route, route);
  });
}

/** What a look at a proxy, or a change of it, came to. */
export type ProxyAnswer =
  { readonly ok: true; readonly value: string } | { readonly ok: false; readonly error: Failure };

/** The status that an answer gives a proxy. `at` is ISO 8601. */
export function judgeProxy(answer: ProxyAnswer, at: string): ServerStatus {
  const status = answer.ok ? 'healthy' : statusOf(answer.error);
  const message = answer.ok ? answer.value : answer.error.message;
  return { status, status_no: SERVER_STATUS_NO[status], status_ts: at, status_message: message };
}

function statusOf({ code, cause }: Failure): ServerStatusName {
  if (code === 'sql_connect') {
    if (cause === 'ECONNREFUSED') return 'down';
    // An SQLSTATE: it answered, and did not let us in.
    return /^[0-9A-Z]{5}$/.test(cause ?? '') ? 'warning' : 'unavailable';
  }
  return code === 'sql_timeout' || code === 'ssh_connect' || code === 'command_timeout' ? 'unavailable' : 'warning';
}

/** Among answers by proxy: that of the method's own way. */
export const DIRECT = '';

/** The method's own way after a look at it: found elsewhere than HandyRep brought it, it is owed again. */
export function foldRouting(state: SavedState, answer: ProxyAnswer | undefined, at: string): Routing {
  const { routing, pause } = state;
  const astray = answer?.ok === false && pause === null && routing.route !== null;
  return astray ? { ...routing, owed: routing.owed ?? at } : routing;
}

/** `cause` of the failure for clients that wait: somebody was to let them go on. */
export const PAUSED = 'paused';

/**
 * The proxies after these answers. A look that finds one elsewhere than HandyRep sent it, or its clients waiting, makes the change
 * owed again; not while automatic action is off.
 */
export function foldProxies(
  state: SavedState,
  answers: Readonly<Record<string, ProxyAnswer>>,
  at: string,
): SavedState['proxies'] {
  return Object.fromEntries(
    Object.entries(state.proxies).map(([name, proxy]) => {
      const answer = answers[name];
      if (answer === undefined || !proxy.def.enabled) return [name, proxy];
      const astray = !answer.ok && state.pause === null && (proxy.route !== null || answer.error.cause === PAUSED);
      return [name, { ...proxy, status: judgeProxy(answer, at), owed: proxy.owed ?? (astray ? at : null) }];
    }),
  );
}

/** What is wrong with the ways of the clients, for the status of the cluster. */
export function connectionConcerns(state: Pick<SavedState, 'proxies' | 'routing'>): readonly string[] {
  const concerns = Object.values(state.proxies).flatMap(({ def, status, owed }) => {
    if (!def.enabled) return [];
    if (owed !== null) {
      return [`the proxy ${def.name} is ${status.status}, and to be changed since ${owed}: ${status.status_message}`];
    }
    if (status.status === 'healthy' || status.status === 'unknown') return [];
    return [`the proxy ${def.name} is ${status.status}: ${status.status_message}`];
  });
  const owed = Object.keys(state.proxies).length === 0 ? state.routing.owed : null;
  return owed === null ? concerns : [...concerns, `clients are to be moved to the master since ${owed}`];
}
