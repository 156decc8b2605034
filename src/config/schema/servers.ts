import * as z from 'zod';
import type { ProxyRole, Role } from '../../core/model.js';
import { optional, required, setting } from './setting.js';
import {
  boolean,
  choice,
  hostname,
  identifier,
  integer,
  nullable,
  osUser,
  path,
  plugin,
  port,
  remotePath,
  size,
} from './values.js';

/** Names are used in slots, files and command lines. */
export const SERVER_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

const ROLES = {
  master: 'master',
  replica: 'replica',
  primary: 'master',
  standby: 'replica',
  pgbouncer: 'pgbouncer',
  haproxy: 'haproxy',
} as const satisfies Record<string, Role | ProxyRole>;

const role = {
  type: '`master`, `replica` (`primary`, `standby`), `pgbouncer`, `haproxy`',
  schema: z
    .enum(['master', 'replica', 'primary', 'standby', 'pgbouncer', 'haproxy'])
    .transform((word): Role | ProxyRole => ROLES[word]),
};

const TYPES = {
  port,
  connection: choice(['ssh', 'local']),
  ssh_user: nullable(osUser),
  ssh_key: nullable(path),
  ssh_port: port,
  become: choice(['sudo', 'none']),
  pgdata: remotePath,
  pgconf: nullable(remotePath),
  bin_dir: nullable(remotePath),
  restart_method: plugin('restart_method'),
  promotion_method: plugin('promotion_method'),
  clone_method: plugin('clone_method'),
  use_slots: boolean,
  lag_limit: size,
  failover_priority: nullable(integer(0, 1_000_000)),
};

const MEANINGS = {
  port: 'The port of PostgreSQL.',
  connection: 'How commands reach the host: over ssh, or locally where PostgreSQL runs on the management host.',
  ssh_user: "The user that ssh logs in as. `null`: ssh's own configuration decides.",
  ssh_key: "The private key for ssh. `null`: ssh's own configuration and agent decide.",
  ssh_port: 'The port of ssh.',
  become: '`sudo` becomes the postgres OS user with sudo; `none`: the ssh user is that user.',
  pgdata: 'The data directory.',
  pgconf: 'The directory of postgresql.conf where that is not the data directory (Debian). `null`: it is.',
  bin_dir: 'The directory of `pg_ctl` and its like. `null`: it is found on the server.',
  restart_method: 'How the server is started, stopped and restarted.',
  promotion_method: 'How a replica is made the master.',
  clone_method: 'How a replica is built from another server.',
  use_slots: 'Replicas stream with a replication slot each, so that the master keeps the WAL that they still need.',
  lag_limit: 'A replica further behind than this is `lagged`, and is promoted last.',
  failover_priority: 'Lower is promoted first. `null`: this server is never promoted.',
};

/** What holds for every server that does not say otherwise. */
export const serverDefaultsSection = z.strictObject({
  port: setting(TYPES.port, 5432, MEANINGS.port),
  connection: setting(TYPES.connection, 'ssh', MEANINGS.connection),
  ssh_user: setting(TYPES.ssh_user, 'handyrep', MEANINGS.ssh_user),
  ssh_key: setting(TYPES.ssh_key, null, MEANINGS.ssh_key),
  ssh_port: setting(TYPES.ssh_port, 22, MEANINGS.ssh_port),
  become: setting(TYPES.become, 'sudo', MEANINGS.become),
  pgdata: setting(TYPES.pgdata, '/var/lib/postgresql/15/main', MEANINGS.pgdata),
  pgconf: setting(TYPES.pgconf, null, MEANINGS.pgconf),
  bin_dir: setting(TYPES.bin_dir, null, MEANINGS.bin_dir),
  restart_method: setting(TYPES.restart_method, 'restart_pg_ctl', MEANINGS.restart_method),
  promotion_method: setting(TYPES.promotion_method, 'promote_sql', MEANINGS.promotion_method),
  clone_method: setting(TYPES.clone_method, 'clone_basebackup', MEANINGS.clone_method),
  use_slots: setting(TYPES.use_slots, true, MEANINGS.use_slots),
  lag_limit: setting(TYPES.lag_limit, '100MB', MEANINGS.lag_limit),
  failover_priority: setting(TYPES.failover_priority, 999, MEANINGS.failover_priority),
});

/** One server: what only it can say, and whatever differs from `server_defaults`. */
export const serverEntry = z.strictObject({
  hostname: required(hostname, 'The host name or address, as this host and the other servers reach it.'),
  role: required(
    role,
    'The part that the server has at first launch. Exactly one server is the master. `pgbouncer` and `haproxy` are proxies: they ' +
      'have the keys of a host, a port (6432 and 5000), `admin_user` and `config_file`.',
  ),
  enabled: setting(boolean, true, 'Disabled servers are neither checked nor promoted.'),
  port: optional(TYPES.port, MEANINGS.port),
  connection: optional(TYPES.connection, MEANINGS.connection),
  ssh_user: optional(TYPES.ssh_user, MEANINGS.ssh_user),
  ssh_key: optional(TYPES.ssh_key, MEANINGS.ssh_key),
  ssh_port: optional(TYPES.ssh_port, MEANINGS.ssh_port),
  become: optional(TYPES.become, MEANINGS.become),
  pgdata: optional(TYPES.pgdata, MEANINGS.pgdata),
  pgconf: optional(TYPES.pgconf, MEANINGS.pgconf),
  bin_dir: optional(TYPES.bin_dir, MEANINGS.bin_dir),
  restart_method: optional(TYPES.restart_method, MEANINGS.restart_method),
  promotion_method: optional(TYPES.promotion_method, MEANINGS.promotion_method),
  clone_method: optional(TYPES.clone_method, MEANINGS.clone_method),
  use_slots: optional(TYPES.use_slots, MEANINGS.use_slots),
  lag_limit: optional(TYPES.lag_limit, MEANINGS.lag_limit),
  failover_priority: optional(TYPES.failover_priority, MEANINGS.failover_priority),
  admin_user: optional(
    nullable(identifier),
    "Of a proxy: who logs in to its console. `null`: as the connection method's settings say.",
  ),
  config_file: optional(
    nullable(remotePath),
    "Of a proxy: the file that is written there. `null`: as the connection method's settings say.",
  ),
});

const serverName = z
  .string()
  .regex(SERVER_NAME, { error: 'must be a name of letters, digits, _ . and -, beginning with a letter or digit' })
  // Such names would be found in every plain object.
  .refine((name) => !(name in Object.prototype), { error: 'is a reserved word: choose another name' });

export const serversSection = z.record(serverName, serverEntry);
