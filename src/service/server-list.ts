import type { LoadedConfig } from '../config/loaded.js';
import type { SavedState } from '../core/model.js';
import { emptyState } from '../core/saved.js';
import { unknownServer } from '../core/unknown-server.js';
import { type Report, failed, success } from '../report/report.js';
import { type ProxyDetail, type ServerDetail, viewServerDetail } from '../report/server.js';
import { type StatusView, viewStatus } from '../report/status.js';
import { serverDifferences } from './differences.js';

/** Answer of `server list`. */
export type ServerListReport = Report & StatusView;

/** Answer of `server show`. */
export type ServerShowReport = Report & {
  /** Null: it is a proxy. */
  readonly server: ServerDetail | null;
  readonly proxy: ProxyDetail | null;
  /** Where what is saved, which is in effect, differs from the configuration. */
  readonly differences: readonly string[];
};

/** Before the first check the servers are those of the configuration. */
function stateOrConfigured(loaded: LoadedConfig, saved: SavedState | null): SavedState {
  const { config } = loaded;
  const now = new Date().toISOString();
  const { cluster_name } = config.handyrep;
  return saved ?? emptyState(cluster_name, Object.values(config.servers), now, Object.values(config.proxies));
}

export function serverList(loaded: LoadedConfig, saved: SavedState | null): ServerListReport {
  const view = viewStatus(stateOrConfigured(loaded, saved), loaded.config.failover, Date.now());
  const disabled = view.servers.filter((one) => !one.enabled).length;
  const proxies = view.proxies.length === 0 ? '' : `, ${view.proxies.length} proxies`;
  return success(`${view.servers.length} server(s), ${disabled} disabled${proxies}`, view);
}

export function serverShow(loaded: LoadedConfig, saved: SavedState | null, name: string): ServerShowReport | Report {
  const state = stateOrConfigured(loaded, saved);
  const server = Object.hasOwn(state.servers, name) ? state.servers[name] : undefined;
  const status = viewStatus(state, loaded.config.failover, Date.now());
  const view = status.servers.find((one) => one.name === name);
  const differences = serverDifferences(loaded.config, saved).filter(
    (line) => line.startsWith(`${name}.`) || line.startsWith(`server ${name} `),
  );
  const proxy = Object.hasOwn(state.proxies, name) ? state.proxies[name] : undefined;
  const shown = status.proxies.find((one) => one.name === name);
  if (proxy !== undefined && shown !== undefined) {
    const detail = { ...shown, definition: proxy.def };
    return success(`${name} is ${shown.status}: ${shown.status_message}`, { server: null, proxy: detail, differences });
  }
  if (server === undefined || view === undefined) {
    return failed(unknownServer(name, [...Object.keys(state.servers), ...Object.keys(state.proxies)]));
  }
  const detail = viewServerDetail(state, view, server.def);
  return success(`${name} is ${view.status}: ${view.status_message}`, { server: detail, proxy: null, differences });
}
