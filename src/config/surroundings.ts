import { resolve } from 'node:path';
import { effectiveConfig, findHomelessPaths, pathResolver } from './effective.js';
import type { LoadedConfig } from './loaded.js';
import { findUnknownPlugins } from './plugin-names.js';
import type { PluginReference } from './plugin-references.js';
import { type PluginSections, type PluginSettings, readPluginSections } from './plugin-settings.js';
import { type ConfigProblem, type Finding, fileProblem, sortProblems } from './problem.js';
import type { RawMap } from './raw.js';
import type { ParsedConfig } from './schema.js';
import { type SecretSources, type Secrets, readPasswords } from './secrets.js';

/**
 * What the text of a configuration says, by itself and whatever is around it, when nothing is wrong with it: plain data,
 * that another run can believe for the same text.
 */
export interface Examined {
  readonly data: RawMap;
  readonly parsed: ParsedConfig;
  readonly references: readonly PluginReference[];
  /** What is allowed and hardly meant. */
  readonly doubts: readonly ConfigProblem[];
}

/** What the text names, and what else decides whether it holds: secrets, files of plugins, the home. */
export interface Surroundings {
  readonly secrets: Secrets;
  readonly plugins: PluginSections;
  readonly findings: readonly Finding[];
}

export interface LookAround extends Pick<Examined, 'data' | 'references'> {
  /** Absolute. */
  readonly plugins_dir: string;
  readonly pluginSettings?: PluginSettings | undefined;
}

/** Looks for what a configuration names. */
export async function lookAround(
  { data, references, plugins_dir, pluginSettings }: LookAround,
  sources: SecretSources,
): Promise<Surroundings> {
  const [unknown, passwords, plugins] = await Promise.all([
    findUnknownPlugins(references, plugins_dir),
    readPasswords(data, sources),
    readPluginSections(
      data,
      sources,
      pluginSettings === undefined ? null : (name) => pluginSettings(name, plugins_dir),
    ),
  ]);
  const findings = [
    ...findHomelessPaths(data, sources.env['HOME']),
    ...unknown,
    ...passwords.findings,
    ...plugins.findings,
  ];
  return { secrets: passwords.secrets, plugins, findings };
}

/** The configuration in effect, of a text and of surroundings that have nothing wrong with them. */
export function inSurroundings(
  { parsed, doubts }: Examined,
  { secrets, plugins }: Surroundings,
  sources: SecretSources,
): LoadedConfig {
  return {
    file: resolve(sources.file),
    dir: sources.dir,
    config: effectiveConfig(parsed, plugins.masked, pathResolver(sources.dir, sources.env['HOME'])),
    secrets,
    plugin_secrets: plugins.secrets,
    plugin_settings: plugins.settings,
    warnings: sortProblems([...writableByOthers(sources), ...doubts]),
  };
}

/** Whoever can write the file can run commands as the user that runs HandyRep. */
function writableByOthers({ file, mode }: SecretSources): readonly ConfigProblem[] {
  if ((mode & 0o002) === 0) return [];
  return [fileProblem('config_unsafe', file, 'can be changed by anyone on this host', `run: chmod o-w ${file}`)];
}
