/** The built-in plugins: each is loaded only when it is called. */
export const BUILT_IN: Readonly<Record<string, () => Promise<unknown>>> = {
  failplugin: () => import('../../plugins/failplugin.js'),
  fence_command: () => import('../../plugins/fence_command.js'),
  one_hr_master: () => import('../../plugins/one_hr_master.js'),
  poll_connect: () => import('../../plugins/poll_connect.js'),
  poll_isready: () => import('../../plugins/poll_isready.js'),
  promote_pg_ctl: () => import('../../plugins/promote_pg_ctl.js'),
  promote_sql: () => import('../../plugins/promote_sql.js'),
  replication_lag_mb: () => import('../../plugins/replication_lag_mb.js'),
  replication_lag_time: () => import('../../plugins/replication_lag_time.js'),
  restart_pg_ctl: () => import('../../plugins/restart_pg_ctl.js'),
  restart_pg_ctlcluster: () => import('../../plugins/restart_pg_ctlcluster.js'),
  restart_service: () => import('../../plugins/restart_service.js'),
  run_command: () => import('../../plugins/run_command.js'),
  select_replica_furthest_ahead: () => import('../../plugins/select_replica_furthest_ahead.js'),
  select_replica_priority: () => import('../../plugins/select_replica_priority.js'),
  successplugin: () => import('../../plugins/successplugin.js'),
};
