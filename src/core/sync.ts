/** `synchronous_standby_names`, parsed ("Synchronous Replication", runtime-config-replication). */
export interface SyncSetting {
  readonly method: 'first' | 'any';
  /** How many standbys a commit waits for. */
  readonly num: number;
  /** Lower case, as PostgreSQL compares them; `*` stands for every standby. */
  readonly names: readonly string[];
}

const QUALIFIED = /^(?:(first|any)\s+)?(\d+)\s*\((.*)\)$/is;

/** Null when the setting is empty or cannot be read: then nothing is proved by it. */
export function parseSyncNames(setting: string): SyncSetting | null {
  const text = setting.trim();
  if (text === '') return null;
  const match = QUALIFIED.exec(text);
  const names = splitNames(match?.[3] ?? text);
  const num = Number(match?.[2] ?? 1);
  if (names === null || names.length === 0 || num < 1) return null;
  return { method: match?.[1]?.toLowerCase() === 'any' ? 'any' : 'first', num, names };
}

const NAME = /^\s*(?:"((?:[^"]|"")+)"|([^\s",()]+))\s*$/;

function splitNames(list: string): readonly string[] | null {
  const parts = list.match(/(?:"(?:[^"]|"")*"|[^,"])+/g) ?? [];
  const names: string[] = [];
  for (const part of parts) {
    const match = NAME.exec(part);
    const name = match?.[1]?.replaceAll('""', '"') ?? match?.[2];
    if (name === undefined) return null;
    names.push(name.toLowerCase());
  }
  return names;
}
