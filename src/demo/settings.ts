import { quoteLiteral } from '../core/sqltext.js';

export type Settings = Readonly<Record<string, string>>;

/**
 * Settings of every throwaway server. Nothing here makes it less safe than a real one: what was acknowledged must
 * survive a kill.
 */
export const COMMON_SETTINGS: Settings = {
  listen_addresses: '127.0.0.1',
  wal_level: 'replica',
  hot_standby: 'on',
  wal_log_hints: 'on',
  max_wal_senders: '10',
  max_replication_slots: '10',
  max_connections: '50',
  shared_buffers: '16MB',
  min_wal_size: '64MB',
  max_wal_size: '256MB',
  // Both kept in the data directory or nowhere, so that a killed server leaves nothing in /dev/shm.
  dynamic_shared_memory_type: 'mmap',
  // The default of 13 does not fit the scram-sha-256 of pg_hba.conf.
  password_encryption: 'scram-sha-256',
  log_line_prefix: '%m [%p] %q%a ',
  lc_messages: 'C',
};

/** Lines for postgresql.conf; a later one wins over an earlier one of the same name. */
export function settingLines(settings: Settings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`)
    .join('');
}

/** pg_hba.conf: the socket in our own folder is open to us, TCP as asked. */
export function hbaLines(auth: 'trust' | 'scram-sha-256'): string {
  return [
    'local all all trust',
    'local replication all trust',
    `host all all 127.0.0.1/32 ${auth}`,
    `host replication all 127.0.0.1/32 ${auth}`,
    '',
  ].join('\n');
}

export interface Upstream {
  /** Default 127.0.0.1. */
  readonly host?: string;
  readonly port: number;
  readonly application_name: string;
  readonly passfile: string | null;
}

/** `primary_conninfo` for a replica of a throwaway master ("Database Connection Control Functions", conninfo). */
export function conninfo(upstream: Upstream): string {
  const pairs: [string, string][] = [
    ['host', upstream.host ?? '127.0.0.1'],
    ['port', upstream.port.toString()],
    ['user', 'replicator'],
    ['application_name', upstream.application_name],
    ...(upstream.passfile === null ? [] : ([['passfile', upstream.passfile]] as [string, string][])),
  ];
  return pairs.map(([key, value]) => `${key}=${/^[\w./-]+$/.test(value) ? value : quoted(value)}`).join(' ');
}

function quoted(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

/** The name of the slot that HandyRep keeps for a server: slot names are lower case letters, digits and underscores. */
export function slotFor(name: string): string {
  return `handyrep_${name.toLowerCase().replaceAll(/[^a-z0-9_]/g, '_')}`;
}

/** A literal that sets a password, kept here beside its only use in a statement that cannot take parameters. */
export function passwordStatement(role: string, password: string): string {
  return `ALTER ROLE ${role} PASSWORD ${quoteLiteral(password)}`;
}
