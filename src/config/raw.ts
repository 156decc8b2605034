/** A map of the configuration file as it was written. */
export type RawMap = Readonly<Record<string, unknown>>;

export function isMap(value: unknown): value is RawMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value at `path`; undefined where there is none. Inherited properties do not count. */
export function rawAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let at = root;
  for (const part of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined;
    at = (at as Record<PropertyKey, unknown>)[part];
  }
  return at;
}

/** The map at `path`; an empty one where there is something else. */
export function rawMap(root: unknown, path: readonly PropertyKey[]): RawMap {
  const value = rawAt(root, path);
  return isMap(value) ? value : {};
}

/** What a value is, in words. */
export function kindOf(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return 'text';
  if (typeof value === 'boolean') return 'true or false';
  if (typeof value === 'number' || typeof value === 'bigint') return 'a number';
  return 'a map';
}
