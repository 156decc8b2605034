import type { LoadedConfig } from '../config/loaded.js';
import type { SavedState } from '../core/model.js';
import { emptyState } from '../core/saved.js';
import { unknownServer } from '../core/unknown-server.js';
import { type Report, failed, success } from '../report/report.js';
import { type ServerDetail, viewServerDetail } from '../report/server.js';
import { type StatusView, viewStatus } from '../report/status.js';
import { serverDifferences } from './differences.js';

/** Answer of `server list`. */
export type ServerListReport = Report & StatusView;

/** Answer of `server show`. */
export type ServerShowReport = Report & {
  readonly server: ServerDetail;
  /** Where what is saved, which is in effect, differs from the configuration. */
  readonly differences: readonly string[];
};

/** Before the first check the servers are those of the configuration. */
function stateOrConfigured(loaded: LoadedConfig, saved: SavedState | null): SavedState {
  const { config } = loaded;
  const now = new Date().toISOString();
  return saved ?? emptyState(config.handyrep.cluster_name, Object.values(config.servers), now);
}

export function serverList(loaded: LoadedConfig, saved: SavedState | null): ServerListReport {
  const view = viewStatus(stateOrConfigured(loaded, saved), loaded.config.failover, Date.now());
  const disabled = view.servers.filter((one) => !one.enabled).length;
  return success(`${view.servers.length} server(s), ${disabled} disabled`, view);
}

export function serverShow(loaded: LoadedConfig, saved: SavedState | null, name: string): ServerShowReport | Report {
  const state = stateOrConfigured(loaded, saved);
  const server = Object.hasOwn(state.servers, name) ? state.servers[name] : undefined;
  const view = viewStatus(state, loaded.config.failover, Date.now()).servers.find((one) => one.name === name);
  if (server === undefined || view === undefined) return failed(unknownServer(name, Object.keys(state.servers)));
  const differences = serverDifferences(loaded.config, saved).filter(
    (line) => line.startsWith(`${name}.`) || line.startsWith(`server ${name} `),
  );
  return success(`${name} is ${view.status}: ${view.status_message}`, {
    server: viewServerDetail(state, view, server.def),
    differences,
  });
}
