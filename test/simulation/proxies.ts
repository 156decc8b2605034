import {
  type ProxyAnswer,
  type Way,
  dueWays,
  foldProxies,
  routeOf,
  waysOf,
  withOwed,
  withRoute,
} from '../../src/core/connections.js';
import type { StepResult } from '../../src/core/journal.js';
import type { Operation, ProxyDef, SavedState } from '../../src/core/model.js';
import { fail, ok } from '../../src/core/outcome.js';
import { type Situation, acceptsWrites } from '../../src/core/situation.js';
import type { Run } from './manager.js';

/** The proxies of a cluster with a connection method. */
export function proxyDefs(method: string | null): readonly ProxyDef[] {
  if (method === null) return [];
  return ['pgb1', 'pgb2'].map((name) => ({
    name,
    hostname: name,
    port: 6432,
    role: 'pgbouncer',
    enabled: true,
    connection: 'ssh',
    ssh_user: null,
    ssh_key: null,
    ssh_port: 22,
    become: 'sudo',
    admin_user: null,
    config_file: null,
  }));
}

const error = fail('sql_connect', 'it does not answer', { cause: 'ECONNREFUSED' });

/** A moment of one proxy: it may be down, or not do what it is told. */
function answers(run: Run, name: Way): boolean {
  run.pause(3);
  return run.world.proxies.get(name ?? '')?.up === true && !run.world.dice.chance(0.05);
}

/** In a run that does not journal, what an operation does is saved when it is over. */
function keep(run: Run, change: (state: SavedState) => SavedState): void {
  if (run.setup.mutant.faults.has('does not journal')) run.state = change(run.state);
  else run.save(change);
}

/** As pauseConnections in src/act/connections.ts. */
export function pauseConnections(run: Run, situation: Situation | null): StepResult {
  const ways = waysOf(run.state);
  keep(run, (state) => withOwed(state, ways, run.iso()));
  const failed = ways.filter((way) => {
    if (!answers(run, way)) return true;
    const proxy = run.world.proxies.get(way ?? '');
    if (proxy !== undefined) proxy.paused = true;
    return false;
  });
  if (failed.length === 0) return { kind: 'done', note: 'the clients wait' };
  return { kind: situation?.on_demand?.force === true ? 'failed' : 'abort', error: error.error };
}

/** As sendTo there; whether all went well. */
export function sendTo(run: Run, ways: readonly Way[], master: string): boolean {
  keep(run, (state) => withOwed(state, ways, run.iso()));
  const moved = ways.filter((way) => {
    if (!answers(run, way)) return false;
    const proxy = run.world.proxies.get(way ?? '');
    if (proxy !== undefined) Object.assign(proxy, { target: master, paused: false });
    return true;
  });
  const route = { master, replicas: (routeOf(run.state)?.replicas ?? []).filter((name) => name !== master) };
  keep(run, (state) => moved.reduce((one, way) => withRoute(one, way, route), state));
  return moved.length === ways.length;
}

export function moveConnections(run: Run, { new_master }: Operation): StepResult {
  if (new_master === null) return { kind: 'failed', error: error.error };
  if (sendTo(run, waysOf(run.state), new_master)) return { kind: 'done', note: 'the clients are moved' };
  return { kind: 'failed', error: error.error };
}

/** As letGo there. */
export function letGo(run: Run, operation: Operation): void {
  const paused = operation.steps.some(({ step, state }) => step.kind === 'pause_connections' && state !== 'pending');
  if (!paused || !acceptsWrites(run.look(operation.old_master))) return;
  sendTo(run, waysOf(run.state), operation.old_master);
}

/** As payOwedConnections in src/service/connections.ts. */
export function payOwedConnections(run: Run, situation: Situation): void {
  const due = dueWays({ ...situation, state: run.state });
  const route = routeOf(run.state);
  if (due.length > 0 && route !== null) sendTo(run, due, route.master);
}

/** What a thorough look finds of the proxies. */
export function lookAtProxies(run: Run): void {
  const route = routeOf(run.state);
  if (route === null || run.setup.policy.connection_failover_method === null) return;
  const seen = Object.keys(run.state.proxies).map((name): readonly [string, ProxyAnswer] => {
    const proxy = run.world.proxies.get(name);
    if (proxy?.up !== true) return [name, error];
    if (proxy.paused) return [name, fail('plugin_failed', 'its clients wait', { cause: 'paused' })];
    return [name, proxy.target === route.master ? ok('well') : fail('plugin_failed', `it goes to ${proxy.target}`)];
  });
  keep(run, (state) => ({ ...state, proxies: foldProxies(state, Object.fromEntries(seen), run.iso()) }));
}

/** A proxy whose clients do not get to the master; null: there is none. */
export function strandedProxy(
  run: { readonly world: Run['world'] },
  method: string | null,
  master: string | null,
): string | null {
  if (method === null) return null;
  const lost = [...run.world.proxies.values()].find(({ up, paused, target }) => !up || paused || target !== master);
  if (lost === undefined) return null;
  return `the proxy ${lost.name} ${lost.paused ? 'lets its clients wait' : `sends its clients to ${lost.target}`}`;
}
