import * as z from 'zod';
import type { CatalogueKind } from '../../plugin/catalogue.js';

/** What documentation, `config show` and the check of references need to know of a key, beside its schema. */
export interface SettingFacts {
  /** The type in an operator's words. */
  readonly type: string;
  /** The meaning, in Markdown. */
  readonly meaning: string;
  /** What stands when the key is absent, as it would be written; absent: the key is required or has no value. */
  readonly initial?: unknown;
  readonly required?: boolean;
  /** How the parsed value is written back. */
  readonly unit?: 'duration' | 'size';
  /** The value names plugins of this kind. */
  readonly plugin?: CatalogueKind;
}

const FACTS = new WeakMap<z.core.$ZodType, SettingFacts>();

/** A value type with what there is to say of it for every key that uses it. */
export interface ValueType<S extends z.ZodType> extends Pick<SettingFacts, 'type' | 'unit' | 'plugin'> {
  readonly schema: S;
}

/** A key with a default, given as an operator would write it. */
export function setting<S extends z.ZodType>(
  value: ValueType<S>,
  initial: z.input<S>,
  meaning: string,
): z.ZodPrefault<S> {
  return known(z.prefault(value.schema, initial as never).describe(meaning), { ...facts(value, meaning), initial });
}

/** A key that must be given. */
export function required<S extends z.ZodType>(value: ValueType<S>, meaning: string): S {
  return known(value.schema.describe(meaning), { ...facts(value, meaning), required: true });
}

/** A key that may be absent, with no default of its own. */
export function optional<S extends z.ZodType>(value: ValueType<S>, meaning: string): z.ZodOptional<S> {
  return known(value.schema.optional().describe(meaning), facts(value, meaning));
}

/** What is known of a key's schema; undefined for schemas that are not keys. */
export function factsOf(schema: z.core.$ZodType): SettingFacts | undefined {
  return FACTS.get(schema);
}

function known<S extends z.ZodType>(schema: S, about: SettingFacts): S {
  FACTS.set(schema, about);
  return schema;
}

function facts(value: ValueType<z.ZodType>, meaning: string): SettingFacts {
  const { type, unit, plugin } = value;
  return { type, meaning, ...(unit === undefined ? {} : { unit }), ...(plugin === undefined ? {} : { plugin }) };
}
