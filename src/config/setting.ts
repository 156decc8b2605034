import { type Outcome, fail, ok } from '../core/outcome.js';
import { didYouMean } from '../core/suggest.js';
import type { LoadedConfig } from './loaded.js';
import { isMap } from './raw.js';
import { MASK, type Secrets } from './secrets.js';

/**
 * The effective value of a dotted key: durations in milliseconds, sizes in bytes, a section as a map. A secret is
 * masked, or null where there is none.
 */
export function getSetting(loaded: LoadedConfig, key: string): Outcome<unknown> {
  const found = lookUpSetting(loaded, key);
  return found === undefined ? unknownSetting(loaded, key) : ok(found.value);
}

/** The configuration, with the section of passwords as far as it may be seen. */
export function withPasswords({ config, secrets }: LoadedConfig): Readonly<Record<string, unknown>> {
  const passwords: Record<string, string | null> = {};
  for (const name of Object.keys(secrets) as (keyof Secrets)[]) passwords[name] = secrets[name] === null ? null : MASK;
  const { handyrep, servers, proxies, plugins, ...rest } = config;
  return { handyrep, passwords, ...rest, servers: { ...servers, ...proxies }, plugins };
}

/** Names of servers may hold dots: every way to read the dotted key is tried. */
export function lookUpSetting(loaded: LoadedConfig, key: string): { readonly value: unknown } | undefined {
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

/** Sections whose keys are names of the operator's choice. */
const NAMED: ReadonlySet<string> = new Set(['extra_failover_commands', 'servers', 'plugins']);

export function unknownSetting(loaded: LoadedConfig, key: string): Outcome<never> {
  const sections = Object.entries(withPasswords(loaded));
  const home = sections.find(([name, section]) => !NAMED.has(name) && isMap(section) && Object.hasOwn(section, key));
  const names = sections.map(([name]) => name);
  const hint =
    home === undefined
      ? (didYouMean(
          key,
          sections.flatMap(([name, section]) => [name, ...keysBelow(section, name)]),
        ) ?? `sections: ${names.join(', ')}`)
      : `did you mean ${home[0]}.${key}?`;
  return fail('unknown_setting', `there is no setting ${JSON.stringify(key)}`, { hint });
}

function keysBelow(value: unknown, at: string): readonly string[] {
  if (!isMap(value)) return [];
  return Object.entries(value).flatMap(([name, inner]) => [`${at}.${name}`, ...keysBelow(inner, `${at}.${name}`)]);
}
