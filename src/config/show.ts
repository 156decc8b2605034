import { formatDuration, formatSize } from '../core/duration.js';
import type { Outcome } from '../core/outcome.js';
import { fail, ok } from '../core/outcome.js';
import { didYouMean } from '../core/suggest.js';
import type { LoadedConfig } from './load.js';
import { isMap, rawAt } from './raw.js';
import { KEY_GROUPS, SECTION_NAMES, settingAt } from './schema.js';
import { MASK } from './secrets.js';

/** One effective key. */
export interface ShownSetting {
  /** Dotted, as `failover.poll_interval`. */
  readonly key: string;
  /** As it would be written: durations and sizes with their unit, secrets masked. */
  readonly value: unknown;
  /** `default`, or `FILE:LINE`. */
  readonly origin: string;
}

type Path = readonly string[];

/** The effective configuration, one line a key; only what is at or below `key` where one is given. */
export function showConfig(loaded: LoadedConfig, key?: string): Outcome<readonly ShownSetting[]> {
  const all = leaves(withPasswords(loaded), []);
  const shown = all.filter((path) => key === undefined || isAtOrBelow(path, key)).map((path) => show(loaded, path));
  if (key !== undefined && shown.length === 0 && lookUp(loaded, key) === undefined) return unknownKey(loaded, key);
  return ok(shown);
}

/**
 * The effective value of a dotted key: durations in milliseconds, sizes in bytes, a section as a map. A secret is
 * masked, or null where there is none.
 */
export function getSetting(loaded: LoadedConfig, key: string): Outcome<unknown> {
  const found = lookUp(loaded, key);
  return found === undefined ? unknownKey(loaded, key) : ok(found.value);
}

function show(loaded: LoadedConfig, path: Path): ShownSetting {
  const value = rawAt(withPasswords(loaded), path);
  return { key: path.join('.'), value: written(value, settingAt(path)?.unit), origin: originOf(loaded, path) };
}

function written(value: unknown, unit: 'duration' | 'size' | undefined): unknown {
  if (unit === 'duration' && typeof value === 'number') return formatDuration(value);
  if (unit === 'size' && typeof value === 'number') return formatSize(value);
  if (unit === 'size' && isMap(value) && typeof value['bytes'] === 'number') return formatSize(value['bytes']);
  return value;
}

/** What a server does not say itself, `server_defaults` may say. */
function originOf(loaded: LoadedConfig, path: Path): string {
  const own = loaded.origin(path);
  const [section, , key] = path;
  return own === 'default' && section === 'servers' && key !== undefined
    ? loaded.origin(['server_defaults', key])
    : own;
}

/** The configuration, with the section of passwords as far as it may be seen. */
function withPasswords({ config, secrets }: LoadedConfig): Readonly<Record<string, unknown>> {
  const passwords = Object.entries(secrets).map(([name, secret]) => [name, secret === null ? null : MASK]);
  const { handyrep, servers, proxies, ...rest } = config;
  return { handyrep, passwords: Object.fromEntries(passwords), ...rest, servers: { ...servers, ...proxies } };
}

/** Paths of the single values; what is inside a key of ours (a list, a limit) is one value. */
function leaves(value: unknown, path: Path): readonly Path[] {
  if (!isMap(value) || settingAt(path) !== undefined) return path.length === 0 ? [] : [path];
  return Object.entries(value)
    .filter(([key]) => !(path[0] === 'servers' && path.length === 2 && key === 'name'))
    .flatMap(([key, inner]) => leaves(inner, [...path, key]));
}

function isAtOrBelow(path: Path, key: string): boolean {
  const dotted = path.join('.');
  return dotted === key || dotted.startsWith(`${key}.`);
}

/** Names of servers may hold dots: every way to read the dotted key is tried. */
function lookUp(loaded: LoadedConfig, key: string): { readonly value: unknown } | undefined {
  return descend(withPasswords(loaded), key);
}

function descend(value: unknown, rest: string): { readonly value: unknown } | undefined {
  if (!isMap(value)) return undefined;
  for (const [name, inner] of Object.entries(value)) {
    if (rest === name) return { value: inner };
    if (!rest.startsWith(`${name}.`)) continue;
    const found = descend(inner, rest.slice(name.length + 1));
    if (found !== undefined) return found;
  }
  return undefined;
}

function unknownKey(loaded: LoadedConfig, key: string): Outcome<never> {
  const all = leaves(withPasswords(loaded), []).map((path) => path.join('.'));
  const homes = KEY_GROUPS.filter(({ path, shape }) => path.length === 1 && Object.hasOwn(shape, key));
  const home = homes[0] === undefined ? null : `did you mean ${homes[0].path.join('.')}.${key}?`;
  const hint = home ?? didYouMean(key, [...SECTION_NAMES, ...all]) ?? `sections: ${SECTION_NAMES.join(', ')}`;
  return fail('unknown_setting', `there is no setting ${JSON.stringify(key)}`, { hint });
}
