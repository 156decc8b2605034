import type { Tools } from '../act/actor.js';
import { lookAtWays, sendTo } from '../act/connections.js';
import { type ProxyAnswer, type Way, dueWays, routeOf, waysOf, withNothingOwed } from '../core/connections.js';
import { type Outcome, describeFailure, fail } from '../core/outcome.js';
import type { FailoverPolicy, SavedState } from '../core/model.js';
import type { PreflightFinding } from '../core/preflight.js';
import type { Situation } from '../core/situation.js';
import { type Session, actorOf, onlookerOf } from './session.js';

/**
 * Where the enabled proxies send their clients; nothing where no connection method is set. A verify always asks, a poll where
 * `poll_connection_proxy` says so, and then as a client would.
 */
export function lookAtProxies(session: Session): Promise<Readonly<Record<string, ProxyAnswer>>> {
  return proxyAnswers(onlookerOf(session), session.state.current(), session.config.failover);
}

/** As {@link lookAtProxies}, without a session. */
export async function proxyAnswers(
  tools: Pick<Tools, 'registry' | 'plugin_context'>,
  state: SavedState,
  policy: Pick<FailoverPolicy, 'connection_failover_method'> & { readonly poll_connection_proxy: boolean },
): Promise<Readonly<Record<string, ProxyAnswer>>> {
  const { connection_failover_method: method, poll_connection_proxy: as_client } = policy;
  if (method === null || Object.keys(state.proxies).length === 0) return {};
  const seen = await lookAtWays(tools, state, { method, ways: waysOf(state), as_client });
  return Object.fromEntries(seen.flatMap(({ way, outcome }) => (way === null ? [] : [[way, outcome] as const])));
}

/** What a switchover would stumble over. One that answers and sends its clients elsewhere is sent to the new master like the others. */
export function proxyTrouble(
  proxies: Readonly<Record<string, ProxyAnswer>>,
): readonly Omit<PreflightFinding, 'name'>[] {
  return Object.entries(proxies).flatMap(([server, answer]) => {
    if (answer.ok) return [];
    const { code, message, hint } = answer.error;
    return [{ server, blocks: code !== 'plugin_failed', text: message, hint: hint ?? `see ${server}` }];
  });
}

/** Sends these ways of the clients to where they belong now. Null: there is no method, or no master. */
export async function sendHome(session: Session, ways: readonly Way[]): Promise<Outcome<string>> {
  const { connection_failover_method: method } = session.config.failover;
  if (method === null) {
    return fail('config_invalid', 'failover.connection_failover_method is not set', { hint: 'name a method there' });
  }
  const route = routeOf(session.state.current());
  if (route === null) return fail('unsafe', 'no master is recorded', { hint: 'run `handyrep verify`' });
  return sendTo(actorOf(session), { method, ways, route });
}

/**
 * What an operation could not finish for the clients, and what has changed since, is finished: with a master that is well, by
 * each check, until it succeeds. Its trouble is told by the status.
 */
export async function payOwedConnections(session: Session, situation: Situation): Promise<void> {
  if (session.config.failover.connection_failover_method === null) {
    if (withNothingOwed(session.state.current()) !== null)
      await session.state.save((state) => withNothingOwed(state) ?? state);
    return;
  }
  const due = dueWays({ ...situation, state: session.state.current() });
  if (due.length === 0) return;
  const done = await sendHome(session, due);
  const message = done.ok ? done.value : `still to be done: ${describeFailure(done.error)}`;
  session.tell({ category: 'PROXY', message, iserror: !done.ok });
}
