import type { ConfigMemory } from '../config/open.js';
import { crc32, openPrivateCache } from '../io/private-cache.js';

/** Set when the package is built: a digest of the code. */
declare const HANDYREP_BUILD: string | undefined;

/** What was kept of configurations. Code that was not built changes from run to run, and what another one checked is not checked. */
export function openConfigMemory(env: Readonly<Record<string, string | undefined>>): ConfigMemory | null {
  const cache = typeof HANDYREP_BUILD === 'string' ? openPrivateCache(HANDYREP_BUILD, env) : null;
  if (cache === null) return null;
  return {
    recall: (file) => cache.read(nameFor(file))?.toString(),
    keep: (file, text) => cache.write(nameFor(file), Buffer.from(text)),
  };
}

/** Two files may have the same name here: what is kept says which one it is. Where Node has no crc32 there is no cache. */
function nameFor(file: string): string {
  return `configuration-${crc32?.(file).toString(16) ?? 'none'}`;
}
