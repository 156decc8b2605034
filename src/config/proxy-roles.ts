import type { ProxyRole } from '../core/model.js';

/** Where a proxy listens unless it says otherwise; `server_defaults.port` is PostgreSQL's. */
export const PROXY_PORTS: Readonly<Record<ProxyRole, number>> = { pgbouncer: 6432, haproxy: 5000 };

export function isProxyRole(word: unknown): word is ProxyRole {
  return typeof word === 'string' && Object.hasOwn(PROXY_PORTS, word);
}

/** Keys that only a proxy has, and those that only a PostgreSQL server has. */
export const PROXY_KEYS = ['admin_user', 'config_file'] as const;
export const DATABASE_KEYS = [
  'pgdata',
  'pgconf',
  'bin_dir',
  'restart_method',
  'promotion_method',
  'clone_method',
  'use_slots',
  'lag_limit',
  'failover_priority',
] as const;
