import type { ServerDef } from '../core/model.js';
import type { Outcome } from '../core/outcome.js';
import { fail, ok } from '../core/outcome.js';
import { didYouMean } from '../core/suggest.js';
import type { Config, PathResolver } from './effective.js';
import { quoted } from './problem.js';
import { SERVER_NAME, serverEntry } from './schema/servers.js';

/** What an operator sets of a server, parsed as the configuration file's own keys are. */
export type ServerChanges = Partial<Omit<ServerDef, 'name'>>;

const SCALARS: Readonly<Record<string, boolean | null>> = { true: true, false: false, null: null };

/** Reads `key=value` words, as `server add` and `server alter` take them. Names of plugins are not looked up. */
export function parseServerAssignments(words: readonly string[], absolute: PathResolver): Outcome<ServerChanges> {
  const changes: Record<string, unknown> = {};
  for (const word of words) {
    const at = word.indexOf('=');
    if (at < 1) return fail('usage', `${quoted(word)} is not of the form key=value`);
    const key = word.slice(0, at);
    const parsed = parseValue(key, word.slice(at + 1));
    if (!parsed.ok) return parsed;
    if (Object.hasOwn(changes, key)) return fail('usage', `${key} is given twice`);
    changes[key] = key === 'ssh_key' && typeof parsed.value === 'string' ? absolute(parsed.value) : parsed.value;
  }
  return ok(changes);
}

/** A server that an operator adds: disabled and a replica, unless it is said otherwise. */
export function newServer(
  name: string,
  changes: ServerChanges,
  defaults: Config['server_defaults'],
): Outcome<ServerDef> {
  if (!SERVER_NAME.test(name) || name in Object.prototype) {
    const hint = 'letters, digits, _ . and -, beginning with a letter or digit';
    return fail('usage', `${quoted(name)} cannot be the name of a server`, { hint });
  }
  const { hostname, ...rest } = changes;
  if (hostname === undefined) return fail('usage', `${name} needs hostname=HOST`, { server: name });
  return ok({ ...defaults, role: 'replica', enabled: false, ...rest, name, hostname });
}

function parseValue(key: string, text: string): Outcome<unknown> {
  const { shape } = serverEntry;
  const schema = Object.entries(shape).find(([name]) => name === key)?.[1];
  if (schema === undefined) {
    const hint = didYouMean(key, Object.keys(shape)) ?? `known: ${Object.keys(shape).join(', ')}`;
    return fail('usage', `a server has no setting ${quoted(key)}`, { hint });
  }
  const readings = [...(Object.hasOwn(SCALARS, text) ? [SCALARS[text]] : []), text, ...numberIn(text)];
  const results = readings.map((reading) => schema.safeParse(reading));
  const good = results.find((result) => result.success);
  if (good?.success === true) return ok(good.data);
  const last = results.at(-1);
  const issue = last?.error?.issues[0];
  const words =
    issue?.code === 'invalid_value' ? `must be one of ${issue.values.map(String).join(', ')}` : issue?.message;
  return fail(
    'usage',
    `${key}=${text} is not accepted: ${(words ?? 'invalid').replace(/^[A-Z]/, (c) => c.toLowerCase())}`,
  );
}

function numberIn(text: string): readonly number[] {
  return /^-?\d+(\.\d+)?$/.test(text) ? [Number(text)] : [];
}
