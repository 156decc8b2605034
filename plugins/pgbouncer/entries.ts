import type { ServerDef } from '../../src/core/model.js';
import type { SqlRow } from '../../src/plugin/contract.js';
import type { Settings } from './console.js';

/** One line of the section `[databases]`: where clients of this name belong. */
export interface Entry {
  readonly name: string;
  readonly dbname: string;
  readonly host: string;
  readonly port: number;
  readonly writes: boolean;
}

/** One database as the console shows it. */
export interface Shown {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly paused: boolean;
  readonly disabled: boolean;
}

/** Every name with its servers. pgbouncer has one port for a list of hosts, so replicas of another port are left out. */
export function entriesOf(settings: Settings, master: ServerDef, replicas: readonly ServerDef[]): readonly Entry[] {
  const [first = master] = replicas;
  const readers = replicas.length === 0 ? [master] : replicas.filter(({ port }) => port === first.port);
  const chosen = settings.read_only === 'one' ? readers.slice(0, 1) : readers;
  return settings.databases.flatMap((dbname): Entry[] => {
    const write = { name: dbname, dbname, host: master.hostname, port: master.port, writes: true };
    if (settings.read_only === 'none') return [write];
    const host = chosen.map(({ hostname }) => hostname).join(',');
    return [write, { name: dbname + settings.read_only_suffix, dbname, host, port: first.port, writes: false }];
  });
}

export function shownOf(row: SqlRow): Shown {
  return {
    name: row['name'] ?? '',
    host: row['host'] ?? '',
    port: Number(row['port']),
    paused: row['paused'] === '1',
    disabled: row['disabled'] === '1',
  };
}

/** What it shows of a name; undefined: it does not offer it. */
export function find(all: readonly Shown[], { name }: Entry): Shown | undefined {
  return all.find((one) => one.name === name);
}

export function goesTo(shown: Shown | undefined, entry: Entry): boolean {
  return shown?.host === entry.host && shown.port === entry.port;
}

/** What keeps a name from being served as it should be; null: nothing. */
export function trouble(shown: Shown | undefined, entry: Entry): string | null {
  if (shown === undefined) return `it does not offer ${entry.name}`;
  if (!goesTo(shown, entry)) {
    return `it sends ${entry.name} to ${shown.host}:${shown.port}, not to ${entry.host}:${entry.port}`;
  }
  if (shown.disabled) return `${entry.name} is disabled`;
  return shown.paused ? `${entry.name} is paused: its clients wait` : null;
}

/** Which servers the names go to, in words. */
export function describe({ proxy }: { readonly proxy: { readonly name: string } }, entries: readonly Entry[]): string {
  return `${proxy.name}: ${entries.map(({ name, host, port }) => `${name} goes to ${host}:${port}`).join(', ')}`;
}
