import type { Config } from '../config/effective.js';
import type { SavedState } from '../core/model.js';

/** Where the saved servers, which are the authority, differ from the configuration; one line a difference. */
export function serverDifferences(config: Config, state: SavedState | null): readonly string[] {
  if (state === null) return [];
  const configured: Readonly<Record<string, object>> = { ...config.servers, ...config.proxies };
  const known: Readonly<Record<string, { readonly def: object }>> = { ...state.servers, ...state.proxies };
  const names = [...new Set([...Object.keys(configured), ...Object.keys(known)])].sort();
  return names.flatMap((name) => {
    const written = configured[name];
    const saved = known[name]?.def;
    if (written === undefined) return [`server ${name} is saved and not in the configuration`];
    if (saved === undefined) return [`server ${name} is in the configuration and not saved`];
    const settings = new Map<string, unknown>(Object.entries(saved));
    return Object.entries(written).flatMap(([key, value]) =>
      settings.get(key) === value
        ? []
        : [
            `${name}.${key} is ${JSON.stringify(settings.get(key))} as saved, ${JSON.stringify(value)} in the configuration`,
          ],
    );
  });
}
