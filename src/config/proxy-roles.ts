import type { ProxyRole } from '../core/model.js';

/** Where a proxy listens unless it says otherwise; `server_defaults.port` is PostgreSQL's. */
export const PROXY_PORTS: Readonly<Record<ProxyRole, number>> = { pgbouncer: 6432 };

export function isProxyRole(word: unknown): word is ProxyRole {
  return typeof word === 'string' && Object.hasOwn(PROXY_PORTS, word);
}
