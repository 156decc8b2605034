import { lookAtWays } from '../act/connections.js';
import { judgeProxy, waysOf } from '../core/connections.js';
import { type Outcome, describeFailure, fail, ok } from '../core/outcome.js';
import { recordedMaster } from '../core/situation.js';
import { unknownServer } from '../core/unknown-server.js';
import { type Report, checked, failed } from '../report/report.js';
import { type ProxyView, viewProxy } from '../report/status.js';
import { sendHome } from './connections.js';
import type { Reach } from './open.js';
import { observeAndDecide } from './round.js';
import { type Session, onlookerOf } from './session.js';
import { actUnderLock, lookAgain, notYetBelieved, unfinishedOperation } from './under-lock.js';

/** Answer of `proxy init` and `proxy status`. */
export type ProxyReport = Report & {
  readonly master: string | null;
  readonly method: string | null;
  /** As they are now. */
  readonly proxies: readonly ProxyView[];
};

export interface ProxyRequest {
  readonly lock_wait: number;
  /** Proxies; empty: all that are enabled. */
  readonly names: readonly string[];
}

const LOOK = { persistent: false, thorough: true, may_write: false, on_demand: null, restart_failed: null };

/** Writes the configuration for the recorded master, and has each proxy take it. Can be done again at any time. */
export function initProxies(reach: Reach, { lock_wait, names }: ProxyRequest): Promise<ProxyReport | Report> {
  return actUnderLock(reach, { command: 'proxy init', lock_wait }, async (session) => {
    const ways = waysFor(session, names);
    if (!ways.ok) return failed(ways.error);
    const refusal = unfinishedOperation(session);
    if (refusal !== null) return failed(refusal);
    const unbelieved = await notYetBelieved(session);
    if (unbelieved !== null) return unbelieved;
    const { decision } = await observeAndDecide(session, LOOK);
    if (decision.diagnosis.kind !== 'master_healthy') {
      const hint = decision.hint ?? 'clients are sent only to a master that is well';
      return failed(fail('unsafe', `nothing is done: ${decision.details}`, { hint }).error);
    }
    const done = await sendHome(session, ways.value);
    session.tell({ category: 'PROXY', message: done.ok ? done.value : describeFailure(done.error), iserror: !done.ok });
    await lookAgain(session);
    return report(
      session,
      done.ok,
      done.ok ? done.value : done.error.message,
      done.ok ? null : (done.error.hint ?? null),
    );
  });
}

/** Where each proxy sends its clients now: asks all of them, and changes nothing there. */
export function proxyStatus(reach: Reach, { lock_wait, names }: ProxyRequest): Promise<ProxyReport | Report> {
  return actUnderLock(reach, { command: 'proxy status', lock_wait }, async (session) => {
    const ways = waysFor(session, names);
    if (!ways.ok) return failed(ways.error);
    const method = session.config.failover.connection_failover_method;
    if (method === null) return failed(NO_METHOD.error);
    const state = session.state.current();
    const seen = await lookAtWays(onlookerOf(session), state, { method, ways: ways.value, as_client: false });
    if (seen.length === 0)
      return failed(fail('unsafe', 'no master is recorded', { hint: 'run `handyrep verify`' }).error);
    const at = new Date().toISOString();
    const views = seen.flatMap(({ way, outcome }): ProxyView[] => {
      const proxy = way === null ? undefined : state.proxies[way];
      return proxy === undefined ? [] : [viewProxy({ ...proxy, status: judgeProxy(outcome, at) }, false)];
    });
    const wrong = seen.flatMap(({ outcome }) => (outcome.ok ? [] : [describeFailure(outcome.error)]));
    const notes = seen.flatMap(({ outcome }) => (outcome.ok ? [outcome.value] : []));
    const details = wrong.length === 0 ? notes.join('; ') : wrong.join('; ');
    const hint = wrong.length === 0 ? null : 'send them to the master with `handyrep proxy init`';
    return checked(wrong.length === 0, details, hint, { master: recordedMaster(state), method, proxies: views });
  });
}

const NO_METHOD = fail('config_invalid', 'failover.connection_failover_method is not set', {
  hint: 'name a method there, such as multi_pgbouncer',
});

/** Those that are named, else all; a name that is none and a proxy that is disabled are refused. */
function waysFor(session: Session, names: readonly string[]): Outcome<ReturnType<typeof waysOf>> {
  const state = session.state.current();
  if (session.config.failover.connection_failover_method === null) return NO_METHOD;
  if (names.length === 0) return ok(waysOf(state));
  for (const name of names) {
    const proxy = Object.hasOwn(state.proxies, name) ? state.proxies[name] : undefined;
    if (proxy === undefined) return { ok: false, error: unknownServer(name, Object.keys(state.proxies)) };
    if (!proxy.def.enabled) {
      const hint = `enable it with \`handyrep server enable ${name}\``;
      return fail('unsafe', `${name} is disabled`, { server: name, hint });
    }
  }
  return ok([...new Set(names)]);
}

function report(session: Session, done: boolean, details: string, hint: string | null): ProxyReport {
  const state = session.state.current();
  const { connection_failover_method: method } = session.config.failover;
  const proxies = Object.values(state.proxies).map((proxy) => viewProxy(proxy, false));
  return checked(done, details, hint, { master: recordedMaster(state), method, proxies });
}
