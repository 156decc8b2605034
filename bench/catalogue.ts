import type { BenchSpec } from './bench.js';

/** Every bench by its name, in the order in which they run and stand in the document. */
export const BENCHES: Readonly<Record<string, BenchSpec>> = {
  crash: {
    title: "Write outage: the master's processes are killed",
    what: 'The longest time in which a client that commits every 5 ms had no acknowledgement, on throwaway clusters of three servers on this machine with the default configuration. The floor is `SELECT pg_promote()`, sent at the moment of the kill. With `--for` the kill comes at any moment between two rounds.',
    minutes: 8,
    load: async () => (await import('./benches/crash.js')).crash,
  },
  hosts: {
    title: 'Write outage: the master is frozen, or its host loses power',
    what: 'The same client, on hosts of network, process and mount namespaces (one for each server, for HandyRep and for the client), with the default timeouts. The floor is `SELECT pg_promote()` on a replica at the same moment, which fences nobody. As root only.',
    minutes: 10,
    load: async () => (await import('./benches/hosts.js')).hosts,
  },
  switchover: {
    title: 'Write outage: a planned switchover',
    what: 'The time from the last write that the old master acknowledged to the first of the new one, while pgbench and a writer run on. The floor is CHECKPOINT, a fast stop and pg_promote() without a pause in between.',
    minutes: 5,
    load: async () => (await import('./benches/switchover.js')).switchover,
  },
  connections: {
    title: 'Planned switchovers, as clients of each way see them',
    what: 'The longest time without a success of any client in each switchover there and back: pgbench through two pgbouncers, through haproxy, and by a list of hosts.',
    minutes: 6,
    load: async () => (await import('./benches/connections.js')).connections,
  },
  commands: {
    title: 'Each command',
    what: 'Processor and wall-clock time and peak memory of the built command, on a throwaway cluster of three servers, beside `node -e 0`. The commands take turns.',
    minutes: 6,
    load: async () => (await import('./benches/commands.js')).commands,
  },
  servers: {
    title: 'Checks of many servers',
    what: '`poll` and `verify` of clusters of 1, 3, 10 and 50 real servers (one master, the others stream from it), beside the same check of a single server of the same cluster.',
    minutes: 8,
    load: async () => (await import('./benches/servers.js')).servers,
  },
  ssh: {
    title: 'ssh, shared or not',
    what: 'A command over ssh with a connection of its own and over one that is there, and a verify of three servers, each behind an sshd of its own.',
    minutes: 3,
    load: async () => (await import('./benches/ssh.js')).ssh,
  },
  state: {
    title: 'The saved state, and long histories',
    what: 'The write of `servers.save` (the new file synced, the one before kept, the folder synced) beside a write and fsync of the same bytes, and commands with up to a thousand operations on record.',
    minutes: 3,
    load: async () => (await import('./benches/state.js')).state,
  },
  logs: {
    title: 'A large log',
    what: 'What looks at the log, with one of a megabyte and with one of a gigabyte.',
    minutes: 3,
    load: async () => (await import('./benches/logs.js')).logs,
  },
  clone: {
    title: 'A copy',
    what: '`handyrep clone` until the new replica streams and has what the master writes, beside pg_basebackup alone with the same options. Everything is written out to the disk before each begins.',
    minutes: 8,
    load: async () => (await import('./benches/clone.js')).clone,
  },
};
