import type { SavedState } from '../core/model.js';
import { type Failure, type Outcome, fail } from '../core/outcome.js';
import { type Report, failed, success } from '../report/report.js';
import { type ProxyDetail, type ServerDetail, viewServerDetail } from '../report/server.js';
import { viewProxy, viewStatus } from '../report/status.js';
import { publishState } from './keep.js';
import type { Reach } from './open.js';
import type { Session } from './session.js';
import { lookAgain, notYetBelieved, actUnderLock, unfinishedOperation } from './under-lock.js';

/** Answer of `server add`, `alter`, `enable`, `disable` and `remove`. */
export type ServerChangeReport = Report & {
  /** False: it was so already. */
  readonly changed: boolean;
  /** As it is saved now; null: it is forgotten, or a proxy. */
  readonly server: ServerDetail | null;
  /** As it is saved now, where it is a proxy. */
  readonly proxy: ProxyDetail | null;
};

export interface ServerChange {
  readonly name: string;
  /** Null: there is nothing to change. */
  readonly change: ((state: SavedState) => SavedState) | null;
  readonly said: string;
  /** Look at everybody afterwards: what is watched has changed. */
  readonly look: boolean;
}

/** Changes the saved servers as `decide` says: under the lock, saved, logged, and written to the cluster table. */
export function changeServers(
  reach: Reach,
  options: { readonly command: string; readonly lock_wait: number },
  decide: (session: Session) => Promise<Outcome<ServerChange>>,
): Promise<ServerChangeReport | Report> {
  return actUnderLock(reach, options, async (session) => {
    const refusal = overridden(session) ?? unfinishedOperation(session);
    if (refusal !== null) return failed(refusal);
    const unbelieved = await notYetBelieved(session);
    if (unbelieved !== null) return unbelieved;
    const decided = await decide(session);
    // What a look that was broken off saw is no reason for anything.
    if (session.signal.aborted) return failed(fail('aborted', 'interrupted: nothing was changed').error);
    if (!decided.ok) return failed(decided.error);
    const { change, said, name, look } = decided.value;
    if (change === null) return report(session, name, { changed: false, said });
    const saved = await session.state.save(change);
    if (!saved.ok) return failed(saved.error);
    session.tell({ category: 'CONFIG', message: said, server: name });
    if (look) await lookAgain(session);
    else await publishState(session, false);
    return report(session, name, { changed: true, said });
  });
}

/** With the override every run takes the servers from the file: a change would be gone with the next one. */
export function overridden({ config }: Session): Failure | null {
  if (!config.handyrep.override_server_file) return null;
  return fail('unsafe', 'override_server_file is true: the servers are those of the configuration file', {
    hint: 'change them there, or set handyrep.override_server_file: false',
  }).error;
}

function report(
  session: Session,
  name: string,
  { changed, said }: { readonly changed: boolean; readonly said: string },
): ServerChangeReport {
  const state = session.state.current();
  const def = state.servers[name]?.def;
  const view = viewStatus(state, session.config.failover, Date.now()).servers.find((one) => one.name === name);
  const server = def === undefined || view === undefined ? null : viewServerDetail(state, view, def);
  const saved = Object.hasOwn(state.proxies, name) ? state.proxies[name] : undefined;
  const proxy = saved === undefined ? null : { ...viewProxy(saved, false), definition: saved.def };
  const ill = changed && server?.enabled === true && server.status !== 'healthy';
  const details = ill ? `${said}; it is ${server.status}: ${server.status_message}` : said;
  return success(details, { changed, server, proxy });
}
