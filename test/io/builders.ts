import type { ServerDef } from '../../src/core/model.js';
import type { SqlSettings } from '../../src/io/sql.js';

/** A server definition in which only what matters is named. */
export function serverDef(more: Partial<ServerDef> = {}): ServerDef {
  return {
    name: 'db1',
    hostname: '127.0.0.1',
    port: 5432,
    role: 'master',
    enabled: true,
    connection: 'local',
    ssh_user: null,
    ssh_key: null,
    ssh_port: 22,
    become: 'none',
    pgdata: '/nowhere',
    pgconf: null,
    bin_dir: null,
    restart_method: 'restart_pg_ctl',
    promotion_method: 'promote_sql',
    use_slots: true,
    clone_method: 'clone_basebackup',
    lag_limit: 100_000_000,
    failover_priority: 1,
    ...more,
  };
}

/** Settings for SQL without TLS and without passwords. */
export function sqlSettings(more: Partial<SqlSettings> = {}): SqlSettings {
  return {
    handyrep_db: 'postgres',
    users: { handyrep: 'handyrep', superuser: 'postgres', replication: 'replicator' },
    passwords: { handyrep: null, superuser: null, replication: null },
    sslmode: 'disable',
    sslrootcert: null,
    sslcert: null,
    sslkey: null,
    connect_timeout: 3000,
    statement_timeout: 5000,
    env: { HOME: '/nonexistent' },
    ...more,
  };
}
