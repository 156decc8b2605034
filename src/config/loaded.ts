import type { Config } from './effective.js';
import type { ConfigProblem } from './problem.js';
import type { RawMap } from './raw.js';
import type { Secrets } from './secrets.js';

/** A configuration that has no problem. */
export interface LoadedConfig {
  /** Absolute. */
  readonly file: string;
  /** The folder of `file`. */
  readonly dir: string;
  readonly config: Config;
  /** The passwords of the database roles. */
  readonly secrets: Secrets;
  /** The secrets in the settings of plugins: for masking them. */
  readonly plugin_secrets: readonly string[];
  /** Settings of plugins as written, with their secrets: input of each plugin's schema. */
  readonly plugin_settings: Readonly<Record<string, RawMap>>;
  readonly warnings: readonly ConfigProblem[];
}

export type LoadResult<T extends LoadedConfig = LoadedConfig> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** Every secret that the configuration gives: what no output and no second file may hold. */
export function secretsOf({ secrets, plugin_secrets }: LoadedConfig): readonly string[] {
  const { handyrep_db_pass, replication_pass, superuser_pass } = secrets;
  return [handyrep_db_pass, replication_pass, superuser_pass, ...plugin_secrets].filter((secret) => secret !== null);
}
