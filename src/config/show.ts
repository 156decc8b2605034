import { formatDuration, formatSize } from '../core/duration.js';
import type { Outcome } from '../core/outcome.js';
import { ok } from '../core/outcome.js';
import type { CheckedConfig } from './load.js';
import { isMap, rawAt } from './raw.js';
import { settingAt } from './schema.js';
import { lookUpSetting, unknownSetting, withPasswords } from './setting.js';

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
export function showConfig(loaded: CheckedConfig, key?: string): Outcome<readonly ShownSetting[]> {
  const all = leaves(withPasswords(loaded), []);
  const shown = all.filter((path) => key === undefined || isAtOrBelow(path, key)).map((path) => show(loaded, path));
  if (key !== undefined && shown.length === 0 && lookUpSetting(loaded, key) === undefined)
    return unknownSetting(loaded, key);
  return ok(shown);
}

function show(loaded: CheckedConfig, path: Path): ShownSetting {
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
function originOf(loaded: CheckedConfig, path: Path): string {
  const own = loaded.origin(path);
  const [section, , key] = path;
  return own === 'default' && section === 'servers' && key !== undefined
    ? loaded.origin(['server_defaults', key])
    : own;
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
