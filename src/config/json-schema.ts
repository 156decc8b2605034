import * as z from 'zod';
import { configSchema } from './schema.js';

/** The configuration's JSON Schema (draft 2020-12), for editors. From the same source as the checks. */
export function configJsonSchema(): Readonly<Record<string, unknown>> {
  const schema = z.toJSONSchema(configSchema, { io: 'input' });
  const sections = Object.entries(schema.properties ?? {}).map(([name, section]) => [name, orEmpty(name, section)]);
  return { ...schema, title: 'HandyRep configuration', properties: Object.fromEntries(sections) };
}

/** A section with all its lines commented out is null to YAML. */
function orEmpty(name: string, section: z.core.JSONSchema._JSONSchema): unknown {
  return typeof section === 'boolean' || name === 'servers' ? section : { ...section, type: ['object', 'null'] };
}
