import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { LoadedConfig } from '../config/loaded.js';
import { createConsole } from '../io/console.js';
import { createHosts } from '../io/hosts.js';
import { type SqlSettings, createSql } from '../io/sql.js';
import type { SessionSource } from '../io/sql-session.js';
import { createRegistry } from '../plugin/registry.js';
import type { EvidenceJournal } from '../report/evidence.js';
import type { Log } from '../report/log.js';
import type { AlertDesk } from './alerts.js';
import type { Reach } from './open.js';

export interface ReachOptions {
  readonly loaded: LoadedConfig;
  /** One id a run. */
  readonly run: string;
  readonly log: Log;
  readonly evidence: EvidenceJournal;
  readonly alerts: AlertDesk;
  /** Sessions that are kept open between runs; absent: none. */
  readonly kept?: SessionSource | undefined;
  /** Masks every secret. */
  readonly redact: (text: string) => string;
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export function newRunId(): string {
  return randomBytes(4).toString('hex');
}

export function createReach(options: ReachOptions): Reach {
  const { loaded, run, log, evidence, alerts, signal, env } = options;
  // Every connection and command listens to it: their number is no leak.
  setMaxListeners(0, signal);
  const { handyrep } = loaded.config;
  const settings = sqlSettings(loaded);
  const sql = createSql(settings);
  const act_sql = options.kept === undefined ? sql : createSql(settings, options.kept);
  const hosts = createHosts({
    postgres_os_user: handyrep.postgres_os_user,
    ssh_timeout: handyrep.ssh_timeout,
    command_timeout: handyrep.command_timeout,
    env,
  });
  const { sslmode, sslrootcert, sslcert, sslkey, connect_timeout } = handyrep;
  const console = createConsole({ sslmode, sslrootcert, sslcert, sslkey, connect_timeout, env });
  const registry = createRegistry({
    plugins_dir: handyrep.plugins_dir,
    settings: loaded.plugin_settings,
    redact: options.redact,
  });
  return {
    run,
    loaded,
    sql,
    act_sql,
    hosts,
    console,
    registry,
    signal,
    evidence,
    alerts,
    tell: (event) => log.write(event),
  };
}

/** Who logs in to the servers, and how. */
export function sqlSettings({ config: { handyrep }, secrets }: LoadedConfig): SqlSettings {
  return {
    handyrep_db: handyrep.handyrep_db,
    users: {
      handyrep: handyrep.handyrep_user,
      superuser: handyrep.postgres_superuser,
      replication: handyrep.replication_user,
    },
    passwords: {
      handyrep: secrets.handyrep_db_pass,
      superuser: secrets.superuser_pass,
      replication: secrets.replication_pass,
    },
    sslmode: handyrep.sslmode,
    sslrootcert: handyrep.sslrootcert,
    sslcert: handyrep.sslcert,
    sslkey: handyrep.sslkey,
    connect_timeout: handyrep.connect_timeout,
    statement_timeout: handyrep.statement_timeout,
  };
}
