import { expect, test } from 'vitest';
import { z } from 'zod';
import { BUILT_IN } from '../../src/plugin/builtin.js';
import { findPlugin } from '../../src/plugin/registry.js';
import { blocks, read, tableRows } from './markdown.js';

/** The sections `### NAME` of the document, by name. */
const sections = new Map(
  read('docs/plugins.md')
    .text.split(/^##+ /m)
    .map((part) => [part.split('\n')[0] ?? '', part]),
);

interface SettingFacts {
  readonly default?: unknown;
  readonly description?: string;
}

function written(name: string, { default: initial }: SettingFacts, required: readonly string[]): string {
  if (required.includes(name)) return 'required';
  return typeof initial === 'string' && initial !== '' ? initial : JSON.stringify(initial);
}

/** Whether the section has an example: YAML that names the plugin. */
function shown(name: string, text: string): boolean {
  return blocks({ name, text }).some(({ language, text: code }) => language === 'yaml' && code.includes(name));
}

test.each(Object.keys(BUILT_IN))('%s is described as it is', async (name) => {
  const plugin = await findPlugin(name, '/nonexistent');
  if (!plugin.ok) throw new Error(plugin.error.message);
  const { kind, description, settings } = plugin.value;
  const section = sections.get(name) ?? '';
  expect(section.replaceAll(/\s+/g, ' ')).toContain(`\`${kind}\`: ${description}`);

  const schema = z.toJSONSchema(settings?.(z) ?? z.strictObject({}), { io: 'input' });
  const properties = Object.entries(schema.properties ?? {}) as [string, SettingFacts][];
  const rows = tableRows(section);
  expect(rows.map(([key, initial]) => [key, initial])).toEqual(
    properties.map(([key, facts]) => [key, written(key, facts, schema.required ?? [])]),
  );
  for (const [index, [key, facts]] of properties.entries()) {
    if (facts.description !== undefined) expect([key, rows[index]?.[2]]).toEqual([key, facts.description]);
  }
  expect(section.includes('No settings')).toBe(properties.length === 0);
  // Whatever is printed as YAML is loaded by examples.test.ts.
  expect(properties.length === 0 || shown(name, section)).toBe(true);
});
