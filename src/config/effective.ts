import { resolve } from 'node:path';
import type { LossLimit, ProxyDef, ProxyRole, Role, ServerDef } from '../core/model.js';
import type { Finding } from './problem.js';
import { rawAt } from './raw.js';
import type { ParsedConfig } from './schema.js';
import { PROXY_KEYS, PROXY_PORTS, isProxyRole } from './proxy-roles.js';

/** Everything that is configured, defaults included. Holds no secret: see `LoadedConfig.secrets`. */
export interface Config {
  readonly handyrep: Readonly<ParsedConfig['handyrep']>;
  readonly failover: Readonly<ParsedConfig['failover']>;
  readonly extra_failover_commands: Readonly<Record<string, ExtraCommand>>;
  readonly archive: Readonly<ParsedConfig['archive']>;
  readonly server_defaults: Readonly<ParsedConfig['server_defaults']>;
  /** Entries merged over `server_defaults`. */
  readonly servers: Readonly<Record<string, ServerDef>>;
  /** Those of the servers that are proxies. */
  readonly proxies: Readonly<Record<string, ProxyDef>>;
  /** Settings of plugins as written, secrets masked: for looking at. */
  readonly plugins: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export interface ExtraCommand {
  /** Name of a plugin. */
  readonly command: string;
  readonly parameters: readonly string[];
  readonly when: 'after' | 'before';
  /** Milliseconds. */
  readonly timeout: number;
}

/** Makes a path of the management host absolute: `~/` is the home, everything else is relative to `dir`. */
export type PathResolver = (path: string) => string;

export function pathResolver(dir: string, home: string | undefined): PathResolver {
  return (path) => (path.startsWith('~/') && home !== undefined ? resolve(home, path.slice(2)) : resolve(dir, path));
}

/** The effective configuration: paths absolute, servers complete. */
export function effectiveConfig(parsed: ParsedConfig, plugins: Config['plugins'], absolute: PathResolver): Config {
  const { handyrep, failover, extra_failover_commands, archive } = parsed;
  const orNull = (path: string | null) => (path === null ? null : absolute(path));
  const defaults = { ...parsed.server_defaults, ssh_key: orNull(parsed.server_defaults.ssh_key) };
  const servers: [string, ServerDef][] = [];
  const proxies: [string, ProxyDef][] = [];
  for (const [name, written] of Object.entries(parsed.servers)) {
    const { role, ...entry } = present(written);
    const own = { ...entry, ...(entry.ssh_key == null ? {} : { ssh_key: absolute(entry.ssh_key) }) };
    if (isProxyRole(role)) proxies.push([name, proxyDef(name, role, own, defaults)]);
    else servers.push([name, serverDef(name, role, own, defaults)]);
  }
  return {
    handyrep: {
      ...handyrep,
      server_file: absolute(handyrep.server_file),
      log_file: absolute(handyrep.log_file),
      plugins_dir: absolute(handyrep.plugins_dir),
      templates_dir: absolute(handyrep.templates_dir),
      sslrootcert: orNull(handyrep.sslrootcert),
      sslcert: orNull(handyrep.sslcert),
      sslkey: orNull(handyrep.sslkey),
    },
    failover: { ...failover, max_data_loss: failover.max_data_loss satisfies LossLimit },
    extra_failover_commands,
    archive,
    server_defaults: defaults,
    servers: Object.fromEntries(servers),
    proxies: Object.fromEntries(proxies),
    plugins,
  };
}

function isProxyKey(key: string): boolean {
  return PROXY_KEYS.some((one) => one === key);
}

type Written = Present<Omit<ParsedConfig['servers'][string], 'role'>>;

function serverDef(name: string, role: Role, entry: Written, defaults: Config['server_defaults']): ServerDef {
  const own = Object.fromEntries(Object.entries(entry).filter(([key]) => !isProxyKey(key)));
  return { name, hostname: entry.hostname, enabled: entry.enabled, ...defaults, ...own, role };
}

/** A proxy's definition: what it says itself, and what `server_defaults` says of hosts. */
export function proxyDef(
  name: string,
  role: ProxyRole,
  entry: Pick<Written, 'hostname' | 'enabled'> & Partial<ProxyDef>,
  { connection, ssh_user, ssh_key, ssh_port, become }: Config['server_defaults'],
): ProxyDef {
  return {
    name,
    role,
    hostname: entry.hostname,
    port: entry.port ?? PROXY_PORTS[role],
    enabled: entry.enabled,
    connection: entry.connection ?? connection,
    ssh_user: entry.ssh_user === undefined ? ssh_user : entry.ssh_user,
    ssh_key: entry.ssh_key === undefined ? ssh_key : entry.ssh_key,
    ssh_port: entry.ssh_port ?? ssh_port,
    become: entry.become ?? become,
    admin_user: entry.admin_user ?? null,
    config_file: entry.config_file ?? null,
  };
}

/** `~/` needs to know the home; cron and service managers may not say it. */
export function findHomelessPaths(data: unknown, home: string | undefined): readonly Finding[] {
  if (home !== undefined && home !== '') return [];
  const keys = ['server_file', 'log_file', 'plugins_dir', 'templates_dir', 'sslrootcert', 'sslcert', 'sslkey'];
  const servers = Object.keys(Object(rawAt(data, ['servers'])) as object);
  const paths = [
    ...keys.map((key) => ['handyrep', key]),
    ['server_defaults', 'ssh_key'],
    ...servers.map((name) => ['servers', name, 'ssh_key']),
  ];
  return paths
    .filter((path) => String(rawAt(data, path)).startsWith('~/'))
    .map((path) => ({
      path,
      at: 'value',
      message: 'begins with ~/, and $HOME is not set',
      hint: 'write the whole path',
    }));
}

type Present<T> = { readonly [K in keyof T]: Exclude<T[K], undefined> };

/** Without the keys whose value is undefined, which would hide a default. */
function present<T extends object>(entry: T): Present<T> {
  return Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined)) as Present<T>;
}
