import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuiltInPlugin, CatalogueKind } from '../plugin/catalogue.js';
import { builtInsOf, CATALOGUE, fitsKind, isBuilt, isBuiltIn } from '../plugin/catalogue.js';
import { didYouMean } from '../core/suggest.js';
import type { Finding } from './problem.js';
import { isMap, rawAt } from './raw.js';
import { KEY_GROUPS } from './schema.js';
import { factsOf } from './schema/setting.js';
import { PLUGIN_NAME } from './schema/values.js';

/** A place of the configuration that names a plugin; kind null where any kind will do. */
interface Reference {
  readonly path: readonly PropertyKey[];
  readonly at: 'key' | 'value';
  readonly name: string;
  readonly kind: CatalogueKind | null;
}

/** Names of plugins that are neither built in nor in `pluginsDir`, or of the wrong kind. */
export async function findUnknownPlugins(data: unknown, pluginsDir: string): Promise<readonly Finding[]> {
  const references = findReferences(data).filter(({ name }) => PLUGIN_NAME.test(name));
  const findings = await Promise.all(references.map((reference) => judge(reference, pluginsDir)));
  return findings.filter((finding) => finding !== null);
}

function findReferences(data: unknown): readonly Reference[] {
  const fromKeys = KEY_GROUPS.flatMap(({ path, shape }) =>
    expand(data, path).flatMap((section) =>
      Object.entries(shape).flatMap(([key, schema]) => {
        const kind = factsOf(schema)?.plugin;
        return kind === undefined ? [] : namesAt(data, [...section, key], kind);
      }),
    ),
  );
  const plugins = rawAt(data, ['plugins']);
  const fromSettings = Object.keys(isMap(plugins) ? plugins : {}).map((name): Reference => ({
    path: ['plugins', name],
    at: 'key',
    name,
    kind: null,
  }));
  return [...fromKeys, ...fromSettings];
}

function expand(data: unknown, path: readonly string[]): readonly (readonly string[])[] {
  const [section = '', star] = path;
  if (star === undefined) return [[section]];
  const inside = rawAt(data, [section]);
  return isMap(inside) ? Object.keys(inside).map((name) => [section, name]) : [];
}

function namesAt(data: unknown, path: readonly PropertyKey[], kind: CatalogueKind): readonly Reference[] {
  const value = rawAt(data, path);
  if (typeof value === 'string') return [{ path, at: 'value', name: value, kind }];
  if (!Array.isArray(value)) return [];
  return value.flatMap((name: unknown, index): Reference[] =>
    typeof name === 'string' ? [{ path: [...path, index], at: 'value', name, kind }] : [],
  );
}

async function judge(reference: Reference, pluginsDir: string): Promise<Finding | null> {
  const { path, at, name, kind } = reference;
  const builtIn = isBuiltIn(name) ? name : null;
  if (await hasPluginFile(pluginsDir, name)) return null;
  if (builtIn !== null && !isBuilt(builtIn)) {
    const hint = `remove it, or put ${name}.mjs of your own into ${pluginsDir}`;
    return { path, at, message: `names ${name}, which is not part of this version of HandyRep`, hint };
  }
  if (builtIn !== null && (kind === null || fitsKind(builtIn, kind))) return null;
  const choices: readonly BuiltInPlugin[] =
    kind === null ? Object.keys(CATALOGUE).filter(isBuiltIn).filter(isBuilt) : builtInsOf(kind);
  const among = kind === null || choices.length === 0 ? null : `built in: ${choices.join(', ')}`;
  if (builtIn !== null) {
    const own =
      CATALOGUE[builtIn] === 'any'
        ? 'cannot be'
        : `is ${/^[aeiou]/.test(CATALOGUE[builtIn]) ? 'an' : 'a'} ${CATALOGUE[builtIn]}, not`;
    return { path, at, message: `names ${name}, which ${own} a ${String(kind)}`, hint: among };
  }
  const message = `names an unknown plugin, ${name}: neither built in nor ${name}.js or ${name}.mjs in ${pluginsDir}`;
  return { path, at, message, hint: didYouMean(name, choices) ?? among };
}

async function hasPluginFile(pluginsDir: string, name: string): Promise<boolean> {
  const found = await Promise.all(
    ['.js', '.mjs'].map((ending) =>
      stat(join(pluginsDir, `${name}${ending}`)).then(
        (file) => file.isFile(),
        () => false,
      ),
    ),
  );
  return found.includes(true);
}
