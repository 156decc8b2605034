import { dirname, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { pathResolver } from './effective.js';
import { type ConfigText, readConfigText } from './file.js';
import { type LoadResult, type LoadedConfig, secretsOf } from './loaded.js';
import { type Examined, inSurroundings, lookAround } from './surroundings.js';

/**
 * Remembers between runs what the text of a configuration says, as text: most runs begin with the same file, and to
 * parse and check it takes longer than to poll a server. In a place that only this user can write to.
 */
export interface ConfigMemory {
  /** What was kept for this file (absolute). */
  recall(file: string): string | undefined;
  keep(file: string, text: string): void;
}

export interface OpenConfigOptions {
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly memory: ConfigMemory | null;
}

/** What is remembered: the text as it was, byte for byte, and what it says. */
interface Remembered {
  /** As the file was named, which problems name too. */
  readonly file: string;
  readonly text: string;
  readonly examined: Examined;
}

/** The configuration of a run. What surrounds the text (secrets, plugins, permissions) is looked at every time. */
export async function openConfig(options: OpenConfigOptions): Promise<LoadResult> {
  const { file, memory } = options;
  const read = readConfigText(file);
  if (!('text' in read)) return { ok: false, problems: [read] };
  const known = memory === null ? null : await recalled(memory, read, options);
  if (known !== null) return { ok: true, value: known };
  const { checkText } = await import('./load.js');
  const checked = await checkText(read, options);
  if (checked.ok && memory !== null)
    remember(memory, { file, text: read.text, examined: checked.value.examined }, checked.value);
  return checked;
}

/** Null: not remembered, or something around it is wrong, which the whole check puts into words. */
async function recalled(
  memory: ConfigMemory,
  { text, mode }: ConfigText,
  { file, env }: OpenConfigOptions,
): Promise<LoadedConfig | null> {
  const kept = memory.recall(resolve(file));
  const known = kept === undefined ? null : (JSON.parse(kept) as Remembered);
  if (known?.text !== text || known.file !== file) return null;
  const { data, parsed, references } = known.examined;
  const sources = { env, dir: dirname(resolve(file)), file, mode };
  const plugins_dir = pathResolver(sources.dir, env['HOME'])(parsed.handyrep.plugins_dir);
  const around = await lookAround({ data, references, plugins_dir }, sources);
  return around.findings.length > 0 ? null : inSurroundings(known.examined, around, sources);
}

/** A text that holds a secret is not remembered: a secret is in no second file. */
function remember(memory: ConfigMemory, known: Remembered, loaded: LoadedConfig): void {
  const written = JSON.stringify(known);
  const data = JSON.stringify(known.examined.data);
  if (secretsOf(loaded).some((secret) => data.includes(JSON.stringify(secret).slice(1, -1)))) return;
  // What JSON cannot say as it is would come back as something else.
  if (isDeepStrictEqual(JSON.parse(written), known)) memory.keep(loaded.file, written);
}
