import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { configurationReference, configurationSchema } from '../../scripts/configuration-reference.js';
import { loadConfig } from '../../src/config/load.js';
import { KEY_GROUPS } from '../../src/config/schema.js';
import { factsOf } from '../../src/config/schema/setting.js';
import { Workspace } from './workspace.js';

const workspace = new Workspace();
const root = (file: string) => new URL(`../../${file}`, import.meta.url);

it('the committed documentation is current', async () => {
  expect(await readFile(root('docs/configuration.md'), 'utf8')).toBe(configurationReference());
  expect(await readFile(root('docs/handyrep.schema.json'), 'utf8')).toBe(await configurationSchema());
});

it('every key is described', () => {
  const silent = KEY_GROUPS.flatMap(({ path, shape }) =>
    Object.entries(shape)
      .filter(([, schema]) => factsOf(schema)?.meaning !== schema.description || schema.description === undefined)
      .map(([key]) => [...path, key].join('.')),
  );
  expect(silent).toEqual([]);
});

it('the sample has no problem, names every key, and shows the defaults', async () => {
  const sample = await readFile(root('handyrep.conf.yaml'), 'utf8');
  const { config, warnings } = await workspace.good(sample);
  expect(warnings).toEqual([]);

  const onlyServers = sample.slice(sample.indexOf('\nservers:'), sample.indexOf('\n# Settings of plugins'));
  const defaults = await workspace.good(`handyrep: { cluster_name: app }\n${onlyServers}`);
  expect({ ...config, plugins: {} }).toEqual(defaults.config);

  const keys = KEY_GROUPS.filter(({ path }) => path[1] !== '*').flatMap(({ shape }) => Object.keys(shape));
  expect(keys.filter((key) => !new RegExp(`^ +(# )?${key}:`, 'm').test(sample))).toEqual([]);
});

it('the sample loads from where it is', async () => {
  expect(await loadConfig({ file: root('handyrep.conf.yaml').pathname, env: {} })).toMatchObject({ ok: true });
});
