import { sanitize } from '../sanitize.js';
import type { StatusView } from '../status.js';
import {
  PROXY_COLUMNS,
  SERVER_COLUMNS,
  checkedWords,
  lastKnown,
  notes,
  proxyCells,
  serverCells,
} from '../status-rows.js';

/** Seconds between two loads of the page by a browser. */
const RELOAD_EVERY = 10;

/** What the template of the page is given. Nothing in it is escaped yet. */
export function pageValues(view: StatusView, now: number): Readonly<Record<string, unknown>> {
  return {
    cluster_name: sanitize(view.cluster_name),
    status: view.cluster.status,
    status_message: sanitize(view.cluster.status_message),
    last_known: lastKnown(view),
    checked: checkedWords(view),
    stale: view.stale,
    stale_message: view.stale_message ?? '',
    written: new Date(now).toISOString(),
    // From then on a browser that still shows the page says so: nobody may have written it again.
    stale_at_ms: view.age === null ? 0 : Math.round(now + (view.stale_after - view.age) * 1000),
    stale_after: view.stale_after,
    reload_every: RELOAD_EVERY,
    server_columns: SERVER_COLUMNS,
    servers: view.servers.map((server) => ({ status: server.status, cells: serverCells(server) })),
    proxy_columns: PROXY_COLUMNS,
    proxies: view.proxies.map((proxy) => ({ status: proxy.status, cells: proxyCells(proxy) })),
    notes: notes(view),
  };
}

/** The page where there is no status to show. */
export function failedPageValues(
  cluster_name: string,
  details: string,
  now: number,
): Readonly<Record<string, unknown>> {
  return {
    cluster_name: sanitize(cluster_name),
    status: 'unknown',
    status_message: sanitize(details),
    last_known: '',
    checked: 'nothing is known',
    stale: true,
    stale_message: sanitize(details),
    written: new Date(now).toISOString(),
    stale_at_ms: 0,
    stale_after: 0,
    reload_every: RELOAD_EVERY,
    server_columns: SERVER_COLUMNS,
    servers: [],
    proxy_columns: PROXY_COLUMNS,
    proxies: [],
    notes: [],
  };
}
