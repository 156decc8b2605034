import type { Config } from '../config/effective.js';
import type { SavedState } from '../core/model.js';

/** Where the saved servers, which are the authority, differ from the configuration; one line a difference. */
export function serverDifferences(config: Config, state: SavedState | null): readonly string[] {
  if (state === null) return [];
  const names = [...new Set([...Object.keys(config.servers), ...Object.keys(state.servers)])].sort();
  return names.flatMap((name) => {
    const written = config.servers[name];
    const saved = state.servers[name]?.def;
    if (written === undefined) return [`server ${name} is saved and not in the configuration`];
    if (saved === undefined) return [`server ${name} is in the configuration and not saved`];
    const known = new Map<string, unknown>(Object.entries(saved));
    return Object.entries(written).flatMap(([key, value]) =>
      known.get(key) === value
        ? []
        : [
            `${name}.${key} is ${JSON.stringify(known.get(key))} as saved, ${JSON.stringify(value)} in the configuration`,
          ],
    );
  });
}
