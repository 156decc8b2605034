import { dirname, resolve } from 'node:path';
import type { ConfigDocument } from './document.js';
import { readDocument } from './document.js';
import type { Config } from './effective.js';
import { effectiveConfig, findHomelessPaths, pathResolver } from './effective.js';
import { readConfigText } from './file.js';
import { findingsOf, knownKeysAt } from './issues.js';
import { findUnknownPlugins } from './plugin-names.js';
import type { PluginSettings } from './plugin-settings.js';
import { readPluginSections } from './plugin-settings.js';
import type { ConfigProblem, Finding } from './problem.js';
import { fileProblem, sortProblems } from './problem.js';
import type { RawMap } from './raw.js';
import { isMap, kindOf, rawAt } from './raw.js';
import { findConflicts, findDoubts } from './references.js';
import { configSchema } from './schema.js';
import { handyrepSection } from './schema/handyrep.js';
import type { Secrets, SecretSources } from './secrets.js';
import { readPasswords } from './secrets.js';

export interface LoadOptions {
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absent: the settings of plugins are not checked. */
  readonly pluginSettings?: PluginSettings;
}

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
  /** Where a key stands in the file, as `FILE:LINE`; `default` where it does not. */
  origin(path: readonly PropertyKey[]): string;
}

export type LoadResult =
  | { readonly ok: true; readonly value: LoadedConfig }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** Reads and checks a configuration file: a whole configuration, or every problem that it has. */
export async function loadConfig(options: LoadOptions): Promise<LoadResult> {
  const read = await readConfigText(options.file);
  if (!('text' in read)) return refuse([read]);
  const document = readDocument(options.file, read.text);
  if (document.data === undefined) return refuse(document.problems);
  if (!isMap(document.data)) return refuse([...document.problems, notAMap(document)]);
  const file = resolve(options.file);
  const sources = { env: options.env, dir: dirname(file), file: options.file, mode: read.mode };
  return check(document, withoutEmptySections(document.data), { ...options, file }, sources);
}

async function check(
  document: ConfigDocument,
  data: RawMap,
  options: LoadOptions,
  sources: SecretSources,
): Promise<LoadResult> {
  const { env, file, pluginSettings } = options;
  const absolute = pathResolver(sources.dir, env['HOME']);
  const pluginsDir = absolute(pluginsDirOf(data));
  const parsed = configSchema.safeParse(data);
  const context = {
    data,
    base: [],
    keysAt: knownKeysAt,
    isSecret: (path: readonly PropertyKey[]) => path[0] === 'passwords',
  };
  const [unknown, passwords, plugins] = await Promise.all([
    findUnknownPlugins(data, pluginsDir),
    readPasswords(data, sources),
    readPluginSections(data, sources, pluginSettings === undefined ? null : (name) => pluginSettings(name, pluginsDir)),
  ]);
  const findings: readonly Finding[] = [
    ...(parsed.success ? [] : findingsOf(parsed.error.issues, context)),
    ...findConflicts(data),
    ...findHomelessPaths(data, env['HOME']),
    ...unknown,
    ...passwords.findings,
    ...plugins.findings,
  ];
  const problems = allProblems(document, findings);
  if (!parsed.success || problems.length > 0) return refuse(problems);
  const warnings = [...writableByOthers(sources), ...findDoubts(data).map((doubt) => document.problem(doubt))];
  const value = {
    file,
    dir: sources.dir,
    config: effectiveConfig(parsed.data, plugins.masked, absolute),
    secrets: passwords.secrets,
    plugin_secrets: plugins.secrets,
    plugin_settings: plugins.settings,
    warnings: sortProblems(warnings),
    origin: originIn(document),
  };
  return { ok: true, value };
}

function originIn(document: ConfigDocument): LoadedConfig['origin'] {
  return (path) => {
    const place = document.own(path);
    return place === null ? 'default' : `${document.file}:${place.line}`;
  };
}

function refuse(problems: readonly ConfigProblem[]): LoadResult {
  return { ok: false, problems: sortProblems(problems) };
}

function notAMap(document: ConfigDocument): ConfigProblem {
  const hint = 'a configuration needs at least the section servers: see the sample handyrep.conf.yaml';
  if (document.data === null) return fileProblem('config_invalid', document.file, 'is empty', hint);
  const message = `must be a map of sections, not ${kindOf(document.data)}`;
  return document.problem({ path: [], at: 'value', message, hint });
}

/** A section with all its lines commented out stands for itself with its defaults. */
function withoutEmptySections(data: RawMap): RawMap {
  const sections = Object.entries(data).filter(([name, value]) => value !== null || name === 'servers');
  const plugins = data['plugins'];
  if (!isMap(plugins)) return Object.fromEntries(sections);
  const settings = Object.entries(plugins).map(([name, value]) => [name, value ?? {}] as const);
  return { ...Object.fromEntries(sections), plugins: Object.fromEntries(settings) };
}

function pluginsDirOf(data: RawMap): string {
  const written = rawAt(data, ['handyrep', 'plugins_dir']);
  return typeof written === 'string' ? written : handyrepSection.parse({}).plugins_dir;
}

/** The first word on a key is enough: structure, schema and the checks across keys may all complain of it. */
function allProblems(document: ConfigDocument, findings: readonly Finding[]): readonly ConfigProblem[] {
  const badKeys = new Set(document.problems.map(placeOf));
  const seen = new Set<string>();
  const rest = findings
    .map((finding) => document.problem(finding))
    .filter((problem) => !badKeys.has(placeOf(problem)) && !seen.has(problem.path) && seen.add(problem.path));
  return [...document.problems, ...rest];
}

function placeOf({ line, column }: ConfigProblem): string {
  return `${line ?? 0}:${column ?? 0}`;
}

/** Whoever can write the file can run commands as the user that runs HandyRep. */
function writableByOthers({ file, mode }: SecretSources): readonly ConfigProblem[] {
  if ((mode & 0o002) === 0) return [];
  return [fileProblem('config_unsafe', file, 'can be changed by anyone on this host', `run: chmod o-w ${file}`)];
}
