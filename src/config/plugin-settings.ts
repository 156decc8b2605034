import type { Outcome } from '../core/outcome.js';
import type { SettingsSchema } from '../plugin/contract.js';
import { findingsOf } from './issues.js';
import type { Finding } from './problem.js';
import type { RawMap } from './raw.js';
import { isMap, rawAt, rawMap } from './raw.js';
import type { Resolved, SecretSources } from './secrets.js';
import { MASK, resolveEntries } from './secrets.js';

/** Finds the schema of a plugin's settings; null where the plugin has none. */
export type PluginSettings = (name: string, pluginsDir: string) => Promise<Outcome<SettingsSchema | null>>;

export interface PluginSections {
  /** With secrets: as the plugins get it. */
  readonly settings: Readonly<Record<string, RawMap>>;
  readonly masked: Readonly<Record<string, RawMap>>;
  /** Every secret in them. */
  readonly secrets: readonly string[];
  readonly findings: readonly Finding[];
}

/** The section `plugins`: secrets put in, and checked against each plugin's schema where `find` is given. */
export async function readPluginSections(
  data: unknown,
  sources: SecretSources,
  find: ((name: string) => Promise<Outcome<SettingsSchema | null>>) | null,
): Promise<PluginSections> {
  const sections = await Promise.all(
    Object.entries(rawMap(data, ['plugins']))
      .flatMap(([name, raw]) => (isMap(raw) ? [[name, raw] as const] : []))
      .map(async ([name, raw]) => {
        // A plugin may have a setting called env or file: only the values are looked at for secrets.
        const resolved = await resolveEntries(raw, ['plugins', name], sources);
        const findings = find === null ? [] : await check(name, resolved, data, await find(name));
        return { name, ...resolved, findings: [...resolved.findings, ...findings] };
      }),
  );
  return {
    settings: Object.fromEntries(sections.map(({ name, value }) => [name, isMap(value) ? value : {}])),
    masked: Object.fromEntries(sections.map(({ name, masked }) => [name, isMap(masked) ? masked : {}])),
    secrets: sections.flatMap(({ secrets }) => secrets),
    findings: sections.flatMap(({ findings }) => findings),
  };
}

async function check(
  name: string,
  { value, masked }: Resolved,
  data: unknown,
  found: Outcome<SettingsSchema | null>,
): Promise<readonly Finding[]> {
  const base = ['plugins', name];
  if (!found.ok) return [{ path: base, at: 'key', message: found.error.message, hint: found.error.hint ?? null }];
  if (found.value === null) return [];
  // A schema that says nothing of further keys would drop a misspelt one without a word.
  const schema = found.value.def.catchall === undefined ? found.value.strict() : found.value;
  const result = await schema.safeParseAsync(value);
  if (result.success) return [];
  return findingsOf(result.error.issues, {
    data,
    base,
    keysAt: (path) => (path.length === base.length ? Object.keys(schema.shape) : []),
    isSecret: (path) => rawAt(masked, path.slice(base.length)) === MASK,
  });
}
