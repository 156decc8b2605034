import type { core } from 'zod';
import { didYouMean } from '../core/suggest.js';
import type { Finding } from './problem.js';
import { quoted } from './problem.js';
import { kindOf, rawAt } from './raw.js';
import { groupAt, KEY_GROUPS, SECTION_NAMES, settingAt } from './schema.js';

type Issue = core.$ZodIssue;

/** How an issue is put into words: about which data, and which keys were possible. */
export interface IssueContext {
  readonly data: unknown;
  /** Where the validated value stands in the file. */
  readonly base: readonly PropertyKey[];
  /** Names of the keys that may stand directly below `path`. */
  readonly keysAt: (path: readonly PropertyKey[]) => readonly string[];
  /** The value at `path` must not be shown. */
  readonly isSecret: (path: readonly PropertyKey[]) => boolean;
}

const EXPECTED: Readonly<Record<string, string>> = {
  object: 'a map (key: value)',
  record: 'a map (key: value)',
  array: 'a list',
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};

/** The keys that HandyRep's own schema knows below `path`. */
export function knownKeysAt(path: readonly PropertyKey[]): readonly string[] {
  return path.length === 0 ? SECTION_NAMES : Object.keys(groupAt(path)?.shape ?? {});
}

/** A schema's complaints in an operator's words. */
export function findingsOf(issues: readonly Issue[], context: IssueContext): readonly Finding[] {
  return issues.flatMap((issue) => findingOf(issue, context));
}

function findingOf(issue: Issue, context: IssueContext): readonly Finding[] {
  const path = [...context.base, ...issue.path];
  const value = rawAt(context.data, path);
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(path, key, context));
  if (value === undefined) return [{ path, at: 'key', message: 'is missing' }];
  if (value === null && issue.code !== 'custom') {
    return [
      {
        path,
        at: 'key',
        message: 'has no value',
        hint: isRequired(path) ? 'give one' : 'give one, or remove the line',
      },
    ];
  }
  return [
    { path, at: issue.code === 'invalid_key' ? 'key' : 'value', ...describe(issue, value, context.isSecret(path)) },
  ];
}

function describe(issue: Issue, value: unknown, secret: boolean): Pick<Finding, 'message' | 'hint'> {
  if (secret) return describeSecret(issue, value);
  switch (issue.code) {
    case 'invalid_type': {
      const message = `must be ${expected(issue.expected)}, not ${shown(value)}`;
      return { message, hint: typeHint(issue.expected, value) };
    }
    case 'invalid_value': {
      const words = issue.values.map(String);
      return {
        message: `must be one of ${words.join(', ')}, not ${shown(value)}`,
        hint: typeof value === 'string' ? didYouMean(value, words) : null,
      };
    }
    case 'too_small':
      return {
        message: isNumeric(issue.origin)
          ? `must be at least ${issue.minimum}, not ${shown(value)}`
          : lowerFirst(issue.message),
      };
    case 'too_big':
      return {
        message: isNumeric(issue.origin)
          ? `must be at most ${issue.maximum}, not ${shown(value)}`
          : lowerFirst(issue.message),
      };
    case 'invalid_key':
      return { message: issue.issues[0]?.message ?? issue.message };
    case 'invalid_union':
      return { message: lowerFirst(issue.message) };
    case 'custom':
    case 'invalid_format':
    case 'invalid_element':
    case 'not_multiple_of':
    case 'unrecognized_keys':
      return { message: lowerFirst(issue.message) };
  }
}

/** Nothing of the value may be repeated, and a schema's own words might. */
function describeSecret(issue: Issue, value: unknown): Pick<Finding, 'message' | 'hint'> {
  const hint = typeof value === 'number' || typeof value === 'boolean' ? 'put it in quotes' : null;
  if (issue.code === 'invalid_type')
    return { message: `must be ${expected(issue.expected)}, not ${kindOf(value)}`, hint };
  if (issue.code === 'invalid_union') return { message: 'must be text, { env: NAME } or { file: PATH }', hint };
  return { message: 'is not accepted', hint: 'its value is not shown: it may be a secret' };
}

function expected(name: string): string {
  return EXPECTED[name] ?? name;
}

function unknownKey(path: readonly PropertyKey[], key: string, context: IssueContext): Finding {
  const known = context.keysAt(path);
  // `handyrep_db_pass:secret`, without its space, is all key.
  if (context.isSecret([...path, key]) && !/^[A-Za-z_]+$/.test(key)) {
    return { path, at: 'value', message: 'holds an unknown key', hint: 'is there a space after each colon?' };
  }
  const hint = didYouMean(key, known) ?? elsewhere(path, key) ?? listed(known);
  return { path: [...path, key], at: 'key', message: 'is not a known key', hint };
}

function isNumeric(origin: string): boolean {
  return origin === 'number' || origin === 'int';
}

function isRequired(path: readonly PropertyKey[]): boolean {
  return path[0] === 'servers' && (path.length < 3 || settingAt(path)?.required === true);
}

/** Right key, wrong section: the commonest slip of indentation. */
function elsewhere(path: readonly PropertyKey[], key: string): string | null {
  if (path[0] === 'plugins') return null;
  if (SECTION_NAMES.includes(key)) return `${key} is a section of its own: it stands at the left margin`;
  const home = KEY_GROUPS.find((group) => Object.hasOwn(group.shape, key));
  return home === undefined ? null : `${key} belongs under ${home.path.join('.').replace('*', 'NAME')}`;
}

function listed(known: readonly string[]): string | null {
  return known.length > 0 && known.length <= 8 ? `known here: ${known.join(', ')}` : null;
}

function typeHint(expected: string, value: unknown): string | null {
  if (expected === 'boolean' && typeof value === 'string') {
    if (/^(yes|on|true|y)$/i.test(value)) return 'write true';
    if (/^(no|off|false|n)$/i.test(value)) return 'write false';
  }
  if (expected === 'number' && typeof value === 'string' && /^\d+$/.test(value.trim())) {
    return `write it without quotes: ${value.trim()}`;
  }
  if (expected !== 'string') return null;
  if (typeof value === 'number' || typeof value === 'boolean') return `put it in quotes: "${String(value)}"`;
  return kindOf(value) === 'a map' ? 'put text that begins with { in quotes' : null;
}

function shown(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? quoted(value) : kindOf(value);
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
