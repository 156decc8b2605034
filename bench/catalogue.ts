import type { BenchSpec } from './bench.js';

/** Every bench by its name, in the order in which they run and stand in the document. */
export const BENCHES: Readonly<Record<string, BenchSpec>> = {
  servers: {
    title: 'Checks of many servers',
    what: '`poll` and `verify` of clusters of 1, 3, 10 and 50 real servers (one master, the others stream from it), beside the same check of a single server of the same cluster.',
    minutes: 6,
    load: async () => (await import('./benches/servers.js')).servers,
  },
  commands: {
    title: 'Each command',
    what: 'Wall-clock and processor time and peak memory of the built command, on a throwaway cluster of three servers, beside `node -e 0`. The commands take turns.',
    minutes: 6,
    load: async () => (await import('./benches/commands.js')).commands,
  },
};
