import type { Config } from '../config/effective.js';
import type { SavedState, ServerDef } from '../core/model.js';
import type { ServerObservation } from '../core/observation.js';
import { type Outcome, ok } from '../core/outcome.js';
import { emptyState, newest } from '../core/saved.js';
import type { SqlOptions, SqlPort } from '../plugin/contract.js';
import { loadStateFile } from '../state/file.js';
import { type TableNames, readTable } from '../state/table.js';

/** What HandyRep remembers at the start of a run, and from where. */
export interface Memory {
  readonly state: SavedState;
  readonly source: 'file' | 'table' | 'configuration';
  readonly warnings: readonly string[];
  /** True: the servers are those of the configuration, whatever was saved. */
  readonly overridden: boolean;
}

export function tableNames(config: Config): TableNames {
  const { cluster_name, handyrep_schema, handyrep_table } = config.handyrep;
  return { cluster_name, handyrep_schema, handyrep_table };
}

/**
 * The saved state: the file; where there is none, the row of the cluster table on any server of the configuration; with
 * neither, the configuration.
 */
export async function recall(config: Config, sql: SqlPort, now: number): Promise<Outcome<Memory>> {
  const { cluster_name, server_file, override_server_file } = config.handyrep;
  const loaded = await loadStateFile(server_file, { cluster_name, repair: true, now });
  if (!loaded.ok) return loaded;
  const { warnings } = loaded.value;
  const configured = Object.values(config.servers);
  const proxies = Object.values(config.proxies);
  const found = loaded.value.state;
  const state = found ?? (await newestRow(sql, configured, tableNames(config)));
  if (state === null) {
    const fresh = emptyState(cluster_name, configured, new Date(now).toISOString(), proxies);
    return ok({ state: fresh, source: 'configuration', warnings, overridden: false });
  }
  const source = found === null ? 'table' : 'file';
  const lost =
    source === 'table' ? ['there is no saved state here: all of it was recovered from the cluster table'] : [];
  if (!override_server_file) return ok({ state, source, warnings: [...warnings, ...lost], overridden: false });
  const replaced = overrideServers(state, emptyState(cluster_name, configured, new Date(now).toISOString(), proxies));
  return ok({ state: replaced, source, warnings: [...warnings, ...lost], overridden: true });
}

/** Replaces the servers; what was recorded of the cluster's past (history, positions) stays. */
function overrideServers(state: SavedState, fresh: SavedState): SavedState {
  const servers = Object.fromEntries(
    Object.entries(fresh.servers).map(([name, server]) => {
      const known = state.servers[name];
      // What was seen of a server holds for as long as it is the same server in the same role.
      const same = known?.def.hostname === server.def.hostname && known.def.port === server.def.port;
      return [name, same && known.def.role === server.def.role ? { ...known, def: server.def } : server];
    }),
  );
  const enabled = new Set(Object.values(servers).flatMap(({ def }) => (def.enabled ? [def.name] : [])));
  const proxies = Object.fromEntries(
    Object.entries(fresh.proxies).map(([name, proxy]) => {
      const known = state.proxies[name];
      const same = known?.def.hostname === proxy.def.hostname && known.def.port === proxy.def.port;
      return [name, same ? { ...known, def: proxy.def } : proxy];
    }),
  );
  return { ...state, servers, proxies, former_masters: state.former_masters.filter((one) => !enabled.has(one.server)) };
}

/** The newest row that any of these servers holds; null when none answers or holds one. */
async function newestRow(
  sql: SqlPort,
  servers: readonly ServerDef[],
  names: TableNames,
  options: SqlOptions = {},
): Promise<SavedState | null> {
  const rows = await Promise.all(servers.map((server) => readTable(sql, server, names, options)));
  return rows.reduce<SavedState | null>((best, row) => newest(best, row.ok ? row.value : null), null);
}

/**
 * The copy in the cluster table: the master's, and where it does not answer the newest of the replicas'. Null when there
 * is none.
 */
export async function readCopy(
  sql: SqlPort,
  state: SavedState,
  names: TableNames,
  signal: AbortSignal,
): Promise<SavedState | null> {
  const enabled = Object.values(state.servers).flatMap(({ def }) => (def.enabled ? [def] : []));
  const master = enabled.find((def) => def.role === 'master');
  const row = master === undefined ? null : await readTable(sql, master, names, { signal });
  if (row?.ok === true) return row.value;
  return newestRow(
    sql,
    enabled.filter((def) => def !== master),
    names,
    { signal },
  );
}

/**
 * With no saved state at all, the configuration is believed only where the live cluster does not contradict it: the
 * reasons, one a server.
 */
export function contradictions(
  state: SavedState,
  seen: Readonly<Record<string, ServerObservation>>,
): readonly string[] {
  return Object.values(state.servers).flatMap(({ def }) => {
    const facts = def.enabled ? (seen[def.name]?.facts ?? null) : null;
    if (facts === null) return [];
    if (def.role === 'master' && facts.in_recovery) return [`${def.name} is configured as master and is in recovery`];
    if (def.role === 'replica' && !facts.in_recovery)
      return [`${def.name} is configured as replica and accepts writes`];
    return [];
  });
}
