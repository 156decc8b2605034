import type { Finding } from './problem.js';
import type { RawMap } from './raw.js';
import { isMap, rawAt, rawMap } from './raw.js';
import { DATABASE_KEYS, PROXY_KEYS, PROXY_PORTS, isProxyRole } from './proxy-roles.js';
import { serverDefaultsSection } from './schema/servers.js';

/**
 * What is wrong between keys that are each right: masters, addresses, methods that are missing. Looks at the file as
 * written, so that these are found also where other keys are wrong.
 */
export function findConflicts(data: unknown): readonly Finding[] {
  const names = serverNames(data);
  return [
    ...findMasters(data, names),
    ...findDuplicates(data, names),
    ...findMisplaced(data, names),
    ...findMissingMethods(data),
  ];
}

/** What is allowed and hardly meant. */
export function findDoubts(data: unknown): readonly Finding[] {
  const names = serverNames(data);
  const enabled = names.filter((name) => rawAt(data, ['servers', name, 'enabled']) !== false);
  const replicas = enabled.filter((name) => roleOf(data, name) === 'replica').length;
  const doubts: Finding[] = names
    .filter((name) => roleOf(data, name) === 'master' && !enabled.includes(name))
    .map((name) => ({
      path: ['servers', name, 'enabled'],
      at: 'value',
      message: 'disables the master: nothing will watch it',
    }));
  const proxies = names.filter((name) => roleOf(data, name) === 'proxy');
  if (proxies.length > 0 && !isSet(data, 'failover', 'connection_failover_method')) {
    const message = 'is a proxy, and failover.connection_failover_method is not set: nothing is done with it';
    doubts.push(...proxies.map((name): Finding => ({ path: ['servers', name, 'role'], at: 'value', message })));
  }
  const witnesses = rawAt(data, ['failover', 'min_witnesses']);
  if (typeof witnesses === 'number' && witnesses > replicas) {
    const message = `asks for more witnesses than there are enabled replicas (${replicas}): no master will be believed lost`;
    doubts.push({ path: ['failover', 'min_witnesses'], at: 'value', message });
  }
  if (
    rawAt(data, ['failover', 'poll_connection_proxy']) === true &&
    !isSet(data, 'failover', 'connection_failover_method')
  ) {
    const message = 'has no effect without connection_failover_method';
    doubts.push({ path: ['failover', 'poll_connection_proxy'], at: 'value', message });
  }
  return doubts;
}

function findMasters(data: unknown, names: readonly string[]): readonly Finding[] {
  if (!isMap(rawAt(data, ['servers']))) return [];
  if (names.length === 0) {
    return [{ path: ['servers'], at: 'key', message: 'is empty', hint: 'name at least the master' }];
  }
  const masters = names.filter((name) => roleOf(data, name) === 'master');
  const [first, ...more] = masters;
  if (first === undefined) {
    // A server whose role is missing or misspelt has its own problem, and may be the master.
    if (names.some((name) => roleOf(data, name) === null)) return [];
    return [{ path: ['servers'], at: 'key', message: 'has no master', hint: 'give one server role: master' }];
  }
  return more.map((name) => ({
    path: ['servers', name, 'role'],
    at: 'value',
    message: `is a second master: ${first} is the master already`,
    hint: 'one cluster has one master; the other servers have role: replica',
  }));
}

/** Keys of a PostgreSQL server on a proxy, and of a proxy on a server. */
function findMisplaced(data: unknown, names: readonly string[]): readonly Finding[] {
  return names.flatMap((name) => {
    const role = roleOf(data, name);
    if (role === null) return [];
    const strange: readonly string[] = role === 'proxy' ? DATABASE_KEYS : PROXY_KEYS;
    const what =
      role === 'proxy' ? 'a proxy: only PostgreSQL servers have it' : 'a PostgreSQL server: only proxies have it';
    return strange
      .filter((key) => rawAt(data, ['servers', name, key]) !== undefined)
      .map((key): Finding => ({ path: ['servers', name, key], at: 'key', message: `means nothing for ${what}` }));
  });
}

function findDuplicates(data: unknown, names: readonly string[]): readonly Finding[] {
  const addresses = new Map<string, string>();
  const folders = new Map<string, string>();
  const findings: Finding[] = [];
  const defaults = serverDefaultsSection.parse({});
  for (const name of names) {
    const hostname = rawAt(data, ['servers', name, 'hostname']);
    if (typeof hostname !== 'string') continue;
    const host = hostname.toLowerCase().replace(/\.$/, '');
    const isProxy = roleOf(data, name) === 'proxy';
    const own = isProxy ? proxyPort(data, name) : effective(data, defaults, name, 'port');
    const port = String(own);
    const pgdata = String(effective(data, defaults, name, 'pgdata')).replace(/\/+$/, '');
    const sameAddress = claim(addresses, `${host} ${port}`, name);
    const sameFolder = isProxy ? null : claim(folders, `${host} ${pgdata}`, name);
    if (sameAddress !== null) {
      const message = `and port are those of ${sameAddress} too: ${hostname} port ${port}`;
      findings.push({ path: ['servers', name, 'hostname'], at: 'value', message });
    } else if (sameFolder !== null) {
      const message = `is the data directory of ${sameFolder} too: ${pgdata} on ${hostname}`;
      findings.push({ path: ['servers', name, 'pgdata'], at: 'value', message });
    }
  }
  return findings;
}

function findMissingMethods(data: unknown): readonly Finding[] {
  if (rawAt(data, ['archive', 'archiving']) !== true || isSet(data, 'archive', 'archive_script_method')) return [];
  const message = 'is true, and archive_script_method is not given';
  return [{ path: ['archive', 'archiving'], at: 'value', message, hint: 'name a plugin, or write false' }];
}

function serverNames(data: unknown): readonly string[] {
  return Object.keys(rawMap(data, ['servers']));
}

function roleOf(data: unknown, name: string): 'master' | 'replica' | 'proxy' | null {
  const role = rawAt(data, ['servers', name, 'role']);
  if (isProxyRole(role)) return 'proxy';
  if (role === 'master' || role === 'primary') return 'master';
  return role === 'replica' || role === 'standby' ? 'replica' : null;
}

function proxyPort(data: unknown, name: string): unknown {
  const role = rawAt(data, ['servers', name, 'role']);
  return rawAt(data, ['servers', name, 'port']) ?? (isProxyRole(role) ? PROXY_PORTS[role] : null);
}

function effective(data: unknown, defaults: RawMap, name: string, key: 'port' | 'pgdata'): unknown {
  return rawAt(data, ['servers', name, key]) ?? rawAt(data, ['server_defaults', key]) ?? defaults[key];
}

/** Remembers who has `what`; tells who had it before. */
function claim(taken: Map<string, string>, what: string, name: string): string | null {
  const owner = taken.get(what) ?? null;
  if (owner === null) taken.set(what, name);
  return owner;
}

function isSet(data: unknown, section: string, key: string): boolean {
  const value = rawAt(data, [section, key]);
  return value !== undefined && value !== null;
}
