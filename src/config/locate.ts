import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Outcome } from '../core/outcome.js';
import { fail, ok } from '../core/outcome.js';

/** The name of the configuration in the folder where HandyRep is started. */
const CONFIG_NAME = 'handyrep.conf.yaml';
const SYSTEM_CONFIG = '/etc/handyrep/handyrep.conf.yaml';

export interface LocateOptions {
  /** What `--config` names; null when it is not given. */
  readonly explicit: string | null;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Default {@link SYSTEM_CONFIG}. */
  readonly system?: string;
}

/**
 * The configuration file to use: what is named by `--config` or `$HANDYREP_CONFIG`, and nothing else where one of them
 * is given; else the first that exists of the usual places.
 */
export function locateConfig(options: LocateOptions): Outcome<string> {
  const { explicit, env, cwd, system = SYSTEM_CONFIG } = options;
  if (explicit !== null) return named(explicit, '--config', cwd);
  const fromEnv = env['HANDYREP_CONFIG'];
  if (fromEnv !== undefined && fromEnv !== '') return named(fromEnv, '$HANDYREP_CONFIG', cwd);
  const here = resolve(cwd, CONFIG_NAME);
  for (const place of [here, system]) {
    if (exists(place)) return ok(place);
  }
  return fail('config_not_found', `no configuration: neither ${here} nor ${system} exists`, {
    hint: '--config FILE and $HANDYREP_CONFIG, looked at first, were not given',
  });
}

function named(file: string, by: string, cwd: string): Outcome<string> {
  const place = resolve(cwd, file);
  if (file !== '' && exists(place)) return ok(place);
  return fail(
    'config_not_found',
    `no configuration: ${by} names ${file === '' ? 'nothing' : place}, which does not exist`,
    {
      hint: `no other place was looked at, since ${by} was given`,
    },
  );
}

/**
 * Whatever is there and cannot be read is found here, and refused with its reason when it is loaded. Not asynchronous, as what is
 * read at the start is not: to load what Node needs for that takes longer than to look.
 */
function exists(file: string): boolean {
  try {
    statSync(file);
    return true;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'));
  }
}
