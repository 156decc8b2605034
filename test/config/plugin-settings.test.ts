import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import * as z from 'zod';
import type { PluginSettings } from '../../src/config/plugin-settings.js';
import { fail, ok } from '../../src/core/outcome.js';
import { SERVERS, Workspace } from './workspace.js';

const workspace = new Workspace();

const pluginSettings: PluginSettings = (name) => {
  if (name === 'run_command') return Promise.resolve(ok(null));
  if (name === 'fence_command') return Promise.resolve(fail('plugin_broken', 'does not load', { hint: 'see the log' }));
  return Promise.resolve(
    ok(
      z.object({
        home: z.url().optional(),
        url: z.url(),
        retries: z.number().default(3),
        token: z.string().min(8).optional(),
      }),
    ),
  );
};

it('is checked against the schema of each plugin', async () => {
  const yaml = [
    'plugins:',
    '  run_command: { anything: goes }',
    '  fence_command: {}',
    '  poll_isready:',
    '    home: nowhere',
    '    url: nowhere',
    '    retrys: 3',
    '    token: short',
    '    retries: "3"',
    '  poll_connect:',
    SERVERS,
  ].join('\n');
  expect(await workspace.problems(yaml, { pluginSettings })).toEqual([
    '3:3: plugins.fence_command does not load (see the log)',
    '5:11: plugins.poll_isready.home invalid URL',
    '6:10: plugins.poll_isready.url is not accepted (its value is not shown: it may be a secret)',
    '7:5: plugins.poll_isready.retrys is not a known key (did you mean retries?)',
    '8:12: plugins.poll_isready.token is not accepted (its value is not shown: it may be a secret)',
    '9:14: plugins.poll_isready.retries must be a number, not "3" (write it without quotes: 3)',
    '10:3: plugins.poll_connect.url is missing',
  ]);
});

it('gets its secrets, and the configuration shows them masked', async () => {
  const yaml = `plugins: { poll_isready: { url: { env: HOOK }, token: literal-secret } }\n${SERVERS}`;
  const loaded = await workspace.good(yaml, { pluginSettings, env: { HOOK: 'https://example.com/hook/abc' } });
  expect(loaded.plugin_settings).toEqual({
    poll_isready: { url: 'https://example.com/hook/abc', token: 'literal-secret' },
  });
  expect(loaded.config.plugins).toEqual({ poll_isready: { url: '********', token: '********' } });
  expect(loaded.plugin_secrets).toEqual(['https://example.com/hook/abc', 'literal-secret']);
});

it('may be a secret at any depth, also as a number, and every one is known for masking', async () => {
  const yaml = `plugins: { mine: { password: 12345678, list: [{ api_key: first }], deep: { user: a, x: { env: X } } } }\n${SERVERS}`;
  await mkdir(join(workspace.dir, 'plugins'), { recursive: true });
  await workspace.write('plugins/mine.mjs', '');
  const loaded = await workspace.good(yaml, { env: { X: 'second' } });
  expect(loaded.plugin_secrets).toEqual(['12345678', 'first', 'second']);
  expect(loaded.config.plugins).toEqual({
    mine: { password: '********', list: [{ api_key: '********' }], deep: { user: 'a', x: '********' } },
  });
});

it('needs a file that only its owner reads, where it holds a secret as text', async () => {
  const yaml = `plugins: { poll_isready: { token: literal-secret } }\n${SERVERS}`;
  expect(await workspace.problems(yaml, { mode: 0o644 })).toEqual([
    '1:28: plugins.poll_isready.token is a secret in a file that others can read (mode 0644) (run: chmod 600 c.yaml; or write { env: NAME } or { file: PATH } instead)',
  ]);
});
