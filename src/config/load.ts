import { dirname, resolve } from 'node:path';
import type { ConfigDocument } from './document.js';
import { readDocument } from './document.js';
import { pathResolver } from './effective.js';
import type { ConfigText } from './file.js';
import { readConfigText } from './file.js';
import { findingsOf, knownKeysAt } from './issues.js';
import type { LoadResult, LoadedConfig } from './loaded.js';
import { findPluginReferences } from './plugin-references.js';
import type { PluginSettings } from './plugin-settings.js';
import type { ConfigProblem, Finding } from './problem.js';
import { fileProblem, sortProblems } from './problem.js';
import type { RawMap } from './raw.js';
import { isMap, kindOf, rawAt } from './raw.js';
import { findConflicts, findDoubts } from './references.js';
import { configSchema } from './schema.js';
import { handyrepSection } from './schema/handyrep.js';
import type { SecretSources } from './secrets.js';
import type { Examined } from './surroundings.js';
import { inSurroundings, lookAround } from './surroundings.js';

export interface LoadOptions {
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absent: the settings of plugins are not checked. */
  readonly pluginSettings?: PluginSettings;
}

/** A configuration that has no problem, and what is known of its text. */
export interface CheckedConfig extends LoadedConfig {
  /** What its text alone says. */
  readonly examined: Examined;
  /** Where a key stands in the file, as `FILE:LINE`; `default` where it does not. */
  origin(path: readonly PropertyKey[]): string;
}

/** Reads and checks a configuration file: a whole configuration, or every problem that it has. */
export async function loadConfig(options: LoadOptions): Promise<LoadResult<CheckedConfig>> {
  const read = readConfigText(options.file);
  return 'text' in read ? checkText(read, options) : refuse([read]);
}

/** As {@link loadConfig}, for a file that was read. */
export async function checkText(read: ConfigText, options: LoadOptions): Promise<LoadResult<CheckedConfig>> {
  const document = readDocument(options.file, read.text);
  if (document.data === undefined) return refuse(document.problems);
  if (!isMap(document.data)) return refuse([...document.problems, notAMap(document)]);
  const file = resolve(options.file);
  const sources = { env: options.env, dir: dirname(file), file: options.file, mode: read.mode };
  return check(document, withoutEmptySections(document.data), options, sources);
}

async function check(
  document: ConfigDocument,
  data: RawMap,
  { env, pluginSettings }: LoadOptions,
  sources: SecretSources,
): Promise<LoadResult<CheckedConfig>> {
  const parsed = configSchema.safeParse(data);
  const context = {
    data,
    base: [],
    keysAt: knownKeysAt,
    isSecret: (path: readonly PropertyKey[]) => path[0] === 'passwords',
  };
  const plugins_dir = pathResolver(sources.dir, env['HOME'])(pluginsDirOf(data));
  const references = findPluginReferences(data);
  const around = await lookAround({ data, references, plugins_dir, pluginSettings }, sources);
  const findings: readonly Finding[] = [
    ...(parsed.success ? [] : findingsOf(parsed.error.issues, context)),
    ...findConflicts(data),
    ...around.findings,
  ];
  const problems = allProblems(document, findings);
  if (!parsed.success || problems.length > 0) return refuse(problems);
  const doubts = findDoubts(data).map((doubt) => document.problem(doubt));
  const examined = { data, parsed: parsed.data, references, doubts };
  return { ok: true, value: { ...inSurroundings(examined, around, sources), examined, origin: originIn(document) } };
}

function originIn(document: ConfigDocument): CheckedConfig['origin'] {
  return (path) => {
    const place = document.own(path);
    return place === null ? 'default' : `${document.file}:${place.line}`;
  };
}

function refuse(problems: readonly ConfigProblem[]): LoadResult<never> {
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
