import type { CatalogueKind } from '../plugin/catalogue.js';
import { isMap, rawAt } from './raw.js';
import { KEY_GROUPS } from './schema.js';
import { factsOf } from './schema/setting.js';
import { PLUGIN_NAME } from './schema/values.js';

/** A place of the configuration that names a plugin; kind null where any kind will do. */
export interface PluginReference {
  readonly path: readonly PropertyKey[];
  readonly at: 'key' | 'value';
  readonly name: string;
  readonly kind: CatalogueKind | null;
}

/** Every place that names a plugin; what cannot be a name has a problem of its own. */
export function findPluginReferences(data: unknown): readonly PluginReference[] {
  const fromKeys = KEY_GROUPS.flatMap(({ path, shape }) =>
    expand(data, path).flatMap((section) =>
      Object.entries(shape).flatMap(([key, schema]) => {
        const kind = factsOf(schema)?.plugin;
        return kind === undefined ? [] : namesAt(data, [...section, key], kind);
      }),
    ),
  );
  const plugins = rawAt(data, ['plugins']);
  const fromSettings = Object.keys(isMap(plugins) ? plugins : {}).map((name): PluginReference => ({
    path: ['plugins', name],
    at: 'key',
    name,
    kind: null,
  }));
  return [...fromKeys, ...fromSettings].filter(({ name }) => PLUGIN_NAME.test(name));
}

function expand(data: unknown, path: readonly string[]): readonly (readonly string[])[] {
  const [section = '', star] = path;
  if (star === undefined) return [[section]];
  const inside = rawAt(data, [section]);
  return isMap(inside) ? Object.keys(inside).map((name) => [section, name]) : [];
}

function namesAt(data: unknown, path: readonly PropertyKey[], kind: CatalogueKind): readonly PluginReference[] {
  const value = rawAt(data, path);
  if (typeof value === 'string') return [{ path, at: 'value', name: value, kind }];
  if (!Array.isArray(value)) return [];
  return value.flatMap((name: unknown, index): PluginReference[] =>
    typeof name === 'string' ? [{ path: [...path, index], at: 'value', name, kind }] : [],
  );
}
