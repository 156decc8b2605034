import * as z from 'zod';
import { formatDuration, parseDuration, parseSize } from '../../core/duration.js';
import type { LossLimit } from '../../core/model.js';
import type { CatalogueKind } from '../../plugin/catalogue.js';
import { quoted } from '../problem.js';
import type { ValueType } from './setting.js';

const CONTROL_CHARACTERS = /\p{Cc}/u;
const DURATION_RULE = 'must be a duration such as 500ms, 5s, 2m, 1h or 1d (a number is seconds)';
const SIZE_RULE = 'must be a size such as 512kB, 16MB or 1GB (a number is MB)';

/** A file name of a plugin without its ending: nothing that could lead out of a folder. */
export const PLUGIN_NAME = /^[A-Za-z][A-Za-z0-9_-]*$/;

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;

export const boolean = { type: 'true or false', schema: z.boolean() };
export const sslMode = choice(SSL_MODES);

/** One of a few words. */
export function choice<const Words extends readonly [string, ...string[]]>(words: Words) {
  return { type: words.map((word) => `\`${word}\``).join(', '), schema: z.enum(words) };
}

export function integer(minimum: number, maximum: number) {
  return { type: 'whole number', schema: z.number().int().min(minimum).max(maximum) };
}

export const port = integer(1, 65_535);

/** Milliseconds. Every duration has an upper limit: beyond 24 days timers overflow and fire at once. */
export function duration(minimum: number, maximum: number) {
  const schema = z.union([z.number(), z.string()], { error: DURATION_RULE }).transform((value, context) => {
    const milliseconds = parseDuration(value);
    const message = judge(milliseconds, minimum, maximum, formatDuration);
    if (milliseconds !== null && message === null) return milliseconds;
    context.addIssue({ code: 'custom', message: `${message ?? DURATION_RULE}, not ${quoted(value)}` });
    return z.NEVER;
  });
  return { type: 'duration', unit: 'duration', schema } as const;
}

/** How long one step may take. */
export const timeout = duration(100, HOUR);
export const longTimeout = duration(100, DAY);
export const interval = duration(100, DAY);
export const pauseTime = duration(0, DAY);

/** Bytes. */
export const size = { type: 'size', unit: 'size', schema: sizeSchema() } as const;

function sizeSchema() {
  return z.union([z.number(), z.string()], { error: SIZE_RULE }).transform((value, context) => {
    const bytes = parseSize(value);
    if (bytes !== null) return bytes;
    context.addIssue({ code: 'custom', message: `${SIZE_RULE}, not ${quoted(value)}` });
    return z.NEVER;
  });
}

const LOSS_RULE = 'must be none, unlimited, or a size such as 16MB';

export const lossLimit: ValueType<z.ZodType<LossLimit, number | string>> = {
  type: '`none`, `unlimited` or a size',
  unit: 'size',
  schema: z.union([z.number(), z.string()], { error: LOSS_RULE }).transform((value, context): LossLimit => {
    if (value === 'none' || value === 'unlimited') return value;
    const bytes = parseSize(value);
    if (bytes === 0) return 'none';
    if (bytes !== null) return { bytes };
    context.addIssue({ code: 'custom', message: `${LOSS_RULE}, not ${quoted(value)}` });
    return z.NEVER;
  }),
};

/** Text of one line. */
export const text = { type: 'text', schema: line() };

/** A file or folder on the management host. */
export const path = { type: 'path', schema: line() };

/** A folder on a server. */
export const remotePath = {
  type: 'absolute path',
  schema: line()
    .startsWith('/', { error: 'must be an absolute path: it is a folder on the server' })
    .refine((value) => !value.split('/').includes('..'), { error: 'must not hold ".."' })
    .refine((value) => !/^\/+$/.test(value), { error: 'must not be the root folder' }),
};

/** A name in SQL: PostgreSQL cuts longer ones off without an error ("Identifiers and Key Words"). */
export const identifier = {
  type: 'text',
  schema: name().refine((value) => new TextEncoder().encode(value).length <= 63, {
    error: 'must be at most 63 bytes long: PostgreSQL would cut it off',
  }),
};

/** A user of an operating system, for ssh and sudo. */
export const osUser = {
  type: 'text',
  schema: name().regex(/^[^\s@:/\\]+$/, { error: 'must not hold spaces or any of @ : / \\' }),
};

export const hostname = {
  type: 'text',
  schema: name().regex(/^[A-Za-z0-9_:.%-]+$/, {
    error: 'must be one host name or address (letters, digits and . : _ - %)',
  }),
};

/** `null` stands for "none". */
export function nullable<S extends z.ZodType>(value: ValueType<S>): ValueType<z.ZodNullable<S>> {
  return { ...value, type: `${value.type}, or null`, schema: z.nullable(value.schema) };
}

export function plugin(kind: CatalogueKind) {
  return { type: `plugin (${kind})`, plugin: kind, schema: pluginName() };
}

/** One plugin or several; always a list once parsed. */
export function plugins(kind: CatalogueKind) {
  const schema = z
    .union([pluginName(), z.array(pluginName())], { error: 'must be the name of a plugin, or a list of names' })
    .transform((value) => (typeof value === 'string' ? [value] : value));
  return { type: `plugin, or list of plugins (${kind})`, plugin: kind, schema };
}

function pluginName() {
  return z.string().regex(PLUGIN_NAME, { error: 'must be the name of a plugin (letters, digits, _ and -)' });
}

function line() {
  return z
    .string()
    .min(1, { error: 'must not be empty' })
    .refine((value) => !CONTROL_CHARACTERS.test(value), { error: 'must not hold control characters' });
}

/** Ends up as an argument of a command: must not be taken for an option. */
function name() {
  return line().refine((value) => !value.startsWith('-'), { error: 'must not begin with "-"' });
}

function judge(
  value: number | null,
  minimum: number,
  maximum: number,
  format: (value: number) => string,
): string | null {
  if (value === null) return null;
  if (value < minimum) return `must be at least ${format(minimum)}`;
  return value > maximum ? `must be at most ${format(maximum)}` : null;
}
