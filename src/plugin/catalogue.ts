import type { PluginKind } from './contract.js';

/** What a key may ask for: the kinds of the contract. */
export type CatalogueKind = Exclude<PluginKind, 'any'>;

/** Every built-in plugin with its kind; `any` fits every kind that acts. */
export const CATALOGUE = {
  poll_connect: 'poll_method',
  poll_isready: 'poll_method',
  replication_lag_mb: 'replication_status_method',
  replication_lag_time: 'replication_status_method',
  select_replica_furthest_ahead: 'selection_method',
  select_replica_priority: 'selection_method',
  restart_pg_ctl: 'restart_method',
  restart_pg_ctlcluster: 'restart_method',
  restart_service: 'restart_method',
  promote_sql: 'promotion_method',
  promote_pg_ctl: 'promotion_method',
  clone_basebackup: 'clone_method',
  clone_rsync: 'clone_method',
  rejoin_rewind: 'rejoin_method',
  rejoin_reclone: 'rejoin_method',
  fence_command: 'fence_method',
  multi_pgbouncer: 'connection_failover_method',
  haproxy_update: 'connection_failover_method',
  virtual_ip: 'connection_failover_method',
  archive_local_dir: 'archive_script_method',
  archive_two_servers: 'archive_script_method',
  archive_barman_staging: 'archive_script_method',
  archive_delete_find: 'archive_delete_method',
  push_email_alert_simple: 'push_alert_method',
  push_webhook: 'push_alert_method',
  push_command: 'push_alert_method',
  one_hr_master: 'master_check_method',
  check_last_ip_db: 'master_check_method',
  check_etcd_lease: 'master_check_method',
  run_command: 'extra_command',
  successplugin: 'any',
  failplugin: 'any',
} as const satisfies Record<string, CatalogueKind | 'any'>;

export type BuiltInPlugin = keyof typeof CATALOGUE;

/** Kinds that act and answer with one line of success or a failure: where `any` fits. */
const ACTING: ReadonlySet<CatalogueKind> = new Set([
  'restart_method',
  'promotion_method',
  'clone_method',
  'rejoin_method',
  'fence_method',
  'connection_failover_method',
  'archive_delete_method',
  'push_alert_method',
  'extra_command',
]);

/** Reserved names: these plugins are not part of this version, and fail when they are called. */
const NOT_BUILT: ReadonlySet<string> = new Set<BuiltInPlugin>(['check_last_ip_db', 'check_etcd_lease']);

/** Whether `successplugin` and `failplugin` fit: a kind that answers with one line of success or a failure. */
export function isActing(kind: CatalogueKind | 'any'): boolean {
  return kind !== 'any' && ACTING.has(kind);
}

/** Whether this version has the plugin; a reserved name may be configured where nothing calls it yet. */
export function isBuilt(name: BuiltInPlugin): boolean {
  return !NOT_BUILT.has(name);
}

/** Whether a plugin of this name is built in. */
export function isBuiltIn(name: string): name is BuiltInPlugin {
  return Object.hasOwn(CATALOGUE, name);
}

/** Whether the built-in plugin can stand where one of `kind` is asked for. */
export function fitsKind(name: BuiltInPlugin, kind: CatalogueKind): boolean {
  const own = CATALOGUE[name];
  return own === kind || (own === 'any' && isActing(kind));
}

/** Names of the plugins of one kind that this version has, in the order of the catalogue; those for tests left out. */
export function builtInsOf(kind: CatalogueKind): readonly BuiltInPlugin[] {
  return Object.keys(CATALOGUE).filter(
    (name): name is BuiltInPlugin => isBuiltIn(name) && isBuilt(name) && CATALOGUE[name] === kind,
  );
}
