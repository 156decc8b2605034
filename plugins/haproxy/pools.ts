import type { ServerDef } from '../../src/core/model.js';
import type { ConnectionRequest } from '../../src/plugin/contract.js';
import type { BalancerWork } from './remote.js';

/** One pool, and which of the cluster's servers take connections in it. */
export interface Pool {
  readonly name: string;
  readonly bind: string;
  readonly servers: readonly {
    readonly name: string;
    readonly hostname: string;
    readonly port: number;
    readonly ready: boolean;
  }[];
}

/** A server of a pool as the runtime socket shows it. */
export interface Shown {
  readonly pool: string;
  readonly server: string;
  readonly addr: string;
  readonly port: number;
  /** In maintenance, by an administrator or by the configuration. */
  readonly maintenance: boolean;
}

/** The pools as they should be; that of the master comes first. */
export function poolsOf(
  { settings, proxy }: BalancerWork,
  { master, replicas, others }: ConnectionRequest,
): readonly Pool[] {
  const all = [master, ...others].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const readers = new Set((replicas.length === 0 ? [master] : replicas).map(({ name }) => name));
  const everybody = new Set([master, ...replicas].map(({ name }) => name));
  const pool = (name: string | null, port: number, isReady: (server: ServerDef) => boolean): readonly Pool[] => {
    if (name === null) return [];
    const servers = all.map((one) => ({ name: one.name, hostname: one.hostname, port: one.port, ready: isReady(one) }));
    return [{ name, bind: `${settings.bind_address}:${port}`, servers }];
  };
  return [
    ...pool(settings.master_pool, proxy.port, ({ name }) => name === master.name),
    ...pool(settings.replicas_pool, settings.replicas_port, ({ name }) => readers.has(name)),
    ...pool(settings.all_pool, settings.all_port, ({ name }) => everybody.has(name)),
  ];
}

/** What is otherwise than it should be, in words; empty: nothing. */
export function differences(pools: readonly Pool[], shown: readonly Shown[]): readonly string[] {
  return pools.flatMap(({ name: pool, servers }) =>
    servers.flatMap(({ name, hostname, port, ready }) => {
      const one = shown.find((other) => other.pool === pool && other.server === name);
      if (one === undefined) return ready ? [`${pool} has no server ${name}`] : [];
      // Of a name the socket shows the address that it had when it was looked up.
      if (/^[0-9.]+$/.test(hostname) && one.addr !== hostname)
        return [`${pool}/${name} is ${one.addr}, not ${hostname}`];
      if (one.port !== port) return [`${pool}/${name} has port ${one.port}, not ${port}`];
      if (one.maintenance === !ready) return [];
      return [`${pool}/${name} ${ready ? 'takes no connections' : 'takes connections'}`];
    }),
  );
}

/** Whoever goes is sent away before anybody comes: there are never two in the pool of the master. */
export function commandsFor(pools: readonly Pool[]): readonly string[] {
  const each = pools.flatMap(({ name: pool, servers }) => servers.map((server) => ({ pool, ...server })));
  const leave = each
    .filter(({ ready }) => !ready)
    .flatMap(({ pool, name }) => [
      `set server ${pool}/${name} state maint`,
      `shutdown sessions server ${pool}/${name}`,
    ]);
  const come = each.filter(({ ready }) => ready).map(({ pool, name }) => `set server ${pool}/${name} state ready`);
  return [...leave, ...come];
}

/** Which servers take connections, in words. */
export function describe({ proxy }: BalancerWork, pools: readonly Pool[]): string {
  const words = pools.map(({ name, servers }) => {
    const ready = servers.flatMap((one) => (one.ready ? [one.name] : []));
    return `${name} goes to ${ready.join(', ')}`;
  });
  return `${proxy.name}: ${words.join('; ')}`;
}
