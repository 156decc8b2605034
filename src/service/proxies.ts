import type { ServerChanges } from '../config/assignments.js';
import { askWays } from '../act/connections.js';
import { routeOf } from '../core/connections.js';
import type { ProxyDef, SavedProxy, SavedState } from '../core/model.js';
import { type Outcome, describeFailure, fail, ok } from '../core/outcome.js';
import { unknownStatus } from '../core/status.js';
import type { ServerChange } from './change-servers.js';
import { type Session, onlookerOf } from './session.js';

/** The changes that `server add`, `alter`, `enable`, `disable` and `remove` make of a proxy. */

/** The proxy of this name; null: there is none. */
export function findProxy(session: Session, name: string): SavedProxy | null {
  const { proxies } = session.state.current();
  return Object.hasOwn(proxies, name) ? (proxies[name] ?? null) : null;
}

function withProxy(state: SavedState, name: string, change: Partial<SavedProxy>): SavedState {
  const proxy = state.proxies[name];
  return proxy === undefined ? state : { ...state, proxies: { ...state.proxies, [name]: { ...proxy, ...change } } };
}

export function proxyAddition(def: ProxyDef): ServerChange {
  const { name, hostname, port, role } = def;
  const added = { def, status: unknownStatus('added, never checked'), route: null, owed: null };
  return {
    name,
    change: (state) => ({ ...state, proxies: { ...state.proxies, [name]: added } }),
    said: `the ${role} ${name} was added (${hostname}:${port}), disabled: \`handyrep server enable ${name}\` sends its clients to the master`,
    look: false,
  };
}

/** What was seen at another address says nothing of this one; what an enabled proxy is to do, it is told there. */
export function proxyAlteration(from: SavedProxy, changes: ServerChanges, now: string): Outcome<ServerChange> {
  const { def } = from;
  const { name } = def;
  if (changes.role !== undefined && changes.role !== def.role) {
    return fail('usage', `${name} is a ${def.role}, and cannot become a ${changes.role}`, {
      hint: 'remove it, and add it anew',
    });
  }
  const to = { ...def, ...(changes as Partial<ProxyDef>) };
  const keys = (Object.keys(to) as (keyof ProxyDef)[]).filter((key) => to[key] !== def[key]);
  if (keys.length === 0) return ok({ name, change: null, said: `${name} has these settings already`, look: false });
  const said = keys.map((key) => `${key} is ${String(to[key])}, was ${String(def[key])}`).join(', ');
  const next = { def: to, status: unknownStatus('altered, not checked yet'), owed: def.enabled ? now : from.owed };
  return ok({ name, change: (state) => withProxy(state, name, next), said: `${name}: ${said}`, look: to.enabled });
}

/** From now on its clients are sent to the master: its console must answer first. */
export async function proxyEnabling(session: Session, { def }: SavedProxy): Promise<Outcome<ServerChange>> {
  const { name } = def;
  if (def.enabled) return ok({ name, change: null, said: `${name} is enabled already`, look: false });
  const { connection_failover_method: method } = session.config.failover;
  const state = session.state.current();
  const route = routeOf(state);
  if (method === null || route === null) {
    const why = method === null ? 'failover.connection_failover_method is not set' : 'no master is recorded';
    return fail('unsafe', `${name} is not enabled: ${why}`, { server: name });
  }
  const [seen] = await askWays(onlookerOf(session), state, { method, action: 'look', ways: [name], route });
  // One that sends its clients elsewhere is what this is for; one that cannot be asked would only be owed to.
  if (seen?.outcome.ok === false && seen.outcome.error.code !== 'plugin_failed') {
    const { error } = seen.outcome;
    return fail('unsafe', `${name} is not enabled: ${describeFailure(error)}`, { server: name });
  }
  const owed = new Date().toISOString();
  return ok({
    name,
    change: (now) => withProxy(now, name, { def: { ...def, enabled: true }, owed }),
    said: `${name} is enabled: the next check sends its clients to ${route.master}; \`handyrep proxy init ${name}\` does it now`,
    look: true,
  });
}

export function proxyDisabling({ def }: SavedProxy): ServerChange {
  const { name } = def;
  if (!def.enabled) return { name, change: null, said: `${name} is disabled already`, look: false };
  return {
    name,
    change: (state) => withProxy(state, name, { def: { ...def, enabled: false }, owed: null }),
    said: `${name} is disabled: its clients stay where they are sent, also after a failover`,
    look: false,
  };
}

export function proxyRemoval({ def }: SavedProxy, yes: boolean): Outcome<ServerChange> {
  const { name } = def;
  if (!yes) {
    const question = `${name} is forgotten: its clients stay where they are sent, also after a failover`;
    return fail('needs_confirmation', question, { server: name, hint: 'say --yes to do it all the same' });
  }
  return ok({
    name,
    change: (state) => ({
      ...state,
      proxies: Object.fromEntries(Object.entries(state.proxies).filter(([key]) => key !== name)),
    }),
    said: `${name} is forgotten`,
    look: false,
  });
}
