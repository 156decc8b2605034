import type { ProxyDef, ProxyRole, Role, ServerDef } from '../core/model.js';
import { didYouMean } from '../core/suggest.js';
import { type Config, type PathResolver, proxyDef } from './effective.js';
import { quoted } from './problem.js';
import { isProxyRole } from './proxy-roles.js';
import { SERVER_NAME, serverEntry } from './schema/servers.js';

/** What an operator sets of a server, parsed as the configuration file's own keys are. */
export type ServerChanges = Partial<Omit<ServerDef, 'name' | 'role'> & Omit<ProxyDef, 'name' | 'role'>> & {
  readonly role?: Role | ProxyRole;
};

/** One thing that is wrong with what an operator asks for. */
export interface AssignmentProblem {
  readonly message: string;
  readonly hint?: string;
}

export interface Assignments {
  readonly changes: ServerChanges;
  /** All of them, not only the first. */
  readonly problems: readonly AssignmentProblem[];
}

const SCALARS: Readonly<Record<string, boolean | null>> = { true: true, false: false, null: null };

/** Reads `key=value` words, as `server add` and `server alter` take them. Names of plugins are not looked up. */
export function readAssignments(words: readonly string[], absolute: PathResolver): Assignments {
  const changes: Record<string, unknown> = {};
  const problems: AssignmentProblem[] = [];
  const seen = new Set<string>();
  for (const word of words) {
    const at = word.indexOf('=');
    const key = word.slice(0, Math.max(0, at));
    const parsed = at < 1 ? { problem: notAnAssignment(word) } : parseValue(key, word.slice(at + 1));
    if (seen.has(key)) problems.push({ message: `${key} is given twice` });
    else if ('problem' in parsed) problems.push(parsed.problem);
    else changes[key] = key === 'ssh_key' && typeof parsed.value === 'string' ? absolute(parsed.value) : parsed.value;
    if (at >= 1) seen.add(key);
  }
  return { changes, problems };
}

/** A server that an operator adds: disabled, and a replica unless it is said otherwise. */
export function newServer(
  name: string,
  { hostname = '', role = 'replica', ...rest }: ServerChanges,
  defaults: Config['server_defaults'],
): ServerDef | ProxyDef {
  if (isProxyRole(role)) return { ...rest, ...proxyDef(name, role, { ...rest, hostname, enabled: false }, defaults) };
  return { ...defaults, ...rest, role, enabled: false, name, hostname };
}

/** What is wrong with a new server's name. */
export function nameProblems(name: string): readonly AssignmentProblem[] {
  if (SERVER_NAME.test(name) && !(name in Object.prototype)) return [];
  const hint = 'letters, digits, _ . and -, beginning with a letter or digit';
  return [{ message: `${quoted(name)} cannot be the name of a server`, hint }];
}

function notAnAssignment(word: string): AssignmentProblem {
  return { message: `${quoted(word)} is not of the form key=value` };
}

type Parsed = { readonly value: unknown } | { readonly problem: AssignmentProblem };

function parseValue(key: string, text: string): Parsed {
  const { shape } = serverEntry;
  const schema = Object.entries(shape).find(([name]) => name === key)?.[1];
  if (schema === undefined) {
    const hint = didYouMean(key, Object.keys(shape)) ?? `known: ${Object.keys(shape).join(', ')}`;
    return { problem: { message: `a server has no setting ${quoted(key)}`, hint } };
  }
  const readings = [...(Object.hasOwn(SCALARS, text) ? [SCALARS[text]] : []), text, ...numberIn(text)];
  const results = readings.map((reading) => schema.safeParse(reading));
  const good = results.find((result) => result.success);
  if (good?.success === true) return { value: good.data };
  const issue = results.at(-1)?.error?.issues[0];
  const choices = issue?.code === 'invalid_value' ? issue.values.map(String) : [];
  const words = choices.length > 0 ? `must be one of ${choices.join(', ')}` : (issue?.message ?? 'invalid');
  const message = `${key}=${text} is not accepted: ${words.replace(/^[A-Z]/, (c) => c.toLowerCase())}`;
  const hint = didYouMean(text, choices);
  return { problem: hint === null ? { message } : { message, hint } };
}

function numberIn(text: string): readonly number[] {
  return /^-?\d+(\.\d+)?$/.test(text) ? [Number(text)] : [];
}
