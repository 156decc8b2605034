import type { Tools } from '../act/actor.js';
import { lookAtWays, sendTo } from '../act/connections.js';
import { DIRECT, type ProxyAnswer, type Way, dueWays, routeOf, waysOf, withNothingOwed } from '../core/connections.js';
import type { FailoverPolicy, ProxyDef, SavedState } from '../core/model.js';
import { KNOCK_MS } from '../core/limits.js';
import { type Outcome, describeFailure, fail } from '../core/outcome.js';
import type { PreflightFinding } from '../core/preflight.js';
import { codeOf } from '../core/reach.js';
import type { Situation } from '../core/situation.js';
import { startDeadline } from '../io/deadline.js';
import { PhaseError, dial } from '../io/dial.js';
import { type Session, actorOf, onlookerOf } from './session.js';

/**
 * Where the enabled proxies send their clients, and where the method itself does ({@link DIRECT}) when there is none; nothing
 * where no connection method is set. A verify always asks, a poll where
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
  if (method === null) return {};
  const seen = await lookAtWays(tools, state, { method, ways: waysOf(state), as_client });
  return Object.fromEntries(seen.map(({ way, outcome }) => [way ?? DIRECT, outcome] as const));
}

/** What a switchover would stumble over. One that answers and sends its clients elsewhere is sent to the new master like the others. */
export function proxyTrouble(
  proxies: Readonly<Record<string, ProxyAnswer>>,
  master: string,
): readonly Omit<PreflightFinding, 'name'>[] {
  return Object.entries(proxies).flatMap(([name, answer]) => {
    if (answer.ok) return [];
    const { code, message, hint } = answer.error;
    const server = name === DIRECT ? master : name;
    return [{ server, blocks: code !== 'plugin_failed', text: message, hint: hint ?? 'see what it says' }];
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

/** Without those whose hosts are still silent: a dead one must not make every check slow. */
async function worthTrying(session: Session, ways: readonly Way[]): Promise<readonly Way[]> {
  const { proxies } = session.state.current();
  const tried = await Promise.all(
    ways.map(async (way): Promise<readonly Way[]> => {
      const proxy = way === null ? undefined : proxies[way];
      if (proxy?.status.status !== 'unavailable') return [way];
      return (await knock(proxy.def, session.signal)) ? [way] : [];
    }),
  );
  return tried.flat();
}

/** Whether its host says anything about its port, a refusal too. */
async function knock({ hostname, port }: ProxyDef, signal: AbortSignal): Promise<boolean> {
  const patience = startDeadline(KNOCK_MS, 'no answer', signal);
  try {
    (await dial({ host: hostname, port }, patience.signal)).destroy();
    return true;
  } catch (error) {
    return error instanceof PhaseError && codeOf(error.error) === 'ECONNREFUSED';
  } finally {
    patience.cancel();
  }
}

/**
 * What an operation could not finish for the clients, and what has changed since, is finished: with a master that is well, by
 * each check, until it succeeds. Its trouble is told by the status. True: something was tried, or is owed no more.
 */
export async function payOwedConnections(session: Session, situation: Situation): Promise<boolean> {
  if (session.config.failover.connection_failover_method === null) {
    if (withNothingOwed(session.state.current()) === null) return false;
    await session.state.save((state) => withNothingOwed(state) ?? state);
    return true;
  }
  const due = await worthTrying(session, dueWays({ ...situation, state: session.state.current() }));
  if (due.length === 0) return false;
  const done = await sendHome(session, due);
  const message = done.ok ? done.value : `still to be done: ${describeFailure(done.error)}`;
  session.tell({ category: 'PROXY', message, iserror: !done.ok });
  return true;
}
