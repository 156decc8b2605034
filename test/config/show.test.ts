import { beforeAll, expect, it } from 'vitest';
import type { CheckedConfig } from '../../src/config/load.js';
import { getSetting } from '../../src/config/setting.js';
import { showConfig } from '../../src/config/show.js';
import { Workspace } from './workspace.js';

const workspace = new Workspace();
let loaded: CheckedConfig;

beforeAll(async () => {
  loaded = await workspace.good(
    [
      'passwords: { handyrep_db_pass: hunter2 }',
      'failover:',
      '  poll_interval: 90',
      '  max_data_loss: 16MB',
      'server_defaults:',
      '  lag_limit: 2GB',
      'servers:',
      '  db1.a: { hostname: a, role: primary }',
      '  db2: { hostname: b, role: replica, port: 5433 }',
      'plugins: { poll_isready: { token: hunter2, deep: { list: [1, 2] } } }',
    ].join('\n'),
  );
});

const shown = (key?: string) => {
  const result = showConfig(loaded, key);
  return result.ok
    ? result.value.map(
        (one) => `${one.key} = ${JSON.stringify(one.value)} ${one.origin.replace(`${workspace.dir}/`, '')}`,
      )
    : result.error;
};

it('shows values as they are written, with their origin', () => {
  expect(shown('failover')).toEqual(
    expect.arrayContaining([
      'failover.poll_interval = "90s" c.yaml:3',
      'failover.verify_interval = "1h" default',
      'failover.max_data_loss = "16MB" c.yaml:4',
      'failover.fence_method = null default',
    ]),
  );
  expect(shown('servers.db1.a.role')).toEqual(['servers.db1.a.role = "master" c.yaml:8']);
  expect(shown('servers.db1.a.lag_limit')).toEqual(['servers.db1.a.lag_limit = "2GB" c.yaml:6']);
  expect(shown('servers.db2.port')).toEqual(['servers.db2.port = 5433 c.yaml:9']);
  expect(shown('servers.db2.ssh_port')).toEqual(['servers.db2.ssh_port = 22 default']);
  expect(shown('plugins')).toEqual([
    'plugins.poll_isready.token = "********" c.yaml:10',
    'plugins.poll_isready.deep.list = [1,2] c.yaml:10',
  ]);
});

it('masks secrets', () => {
  expect(shown('passwords')).toEqual([
    'passwords.handyrep_db_pass = "********" c.yaml:1',
    'passwords.replication_pass = null default',
    'passwords.superuser_pass = null default',
  ]);
  expect(JSON.stringify(shown())).not.toContain('hunter2');
});

it.each([
  ['failover.poll_interval', 90_000],
  ['failover.max_data_loss', { bytes: 16_777_216 }],
  ['servers.db1.a.role', 'master'],
  ['passwords.handyrep_db_pass', '********'],
  ['passwords.superuser_pass', null],
  ['plugins.poll_isready.deep.list', [1, 2]],
  ['extra_failover_commands', {}],
])('gets %s', (key, value) => {
  expect(getSetting(loaded, key)).toEqual({ ok: true, value });
});

it.each([
  ['failover.poll_intervall', 'did you mean failover.poll_interval?'],
  ['poll_interval', 'did you mean failover.poll_interval?'],
  ['failovr', 'did you mean failover?'],
  ['failover.poll_interval.x', 'did you mean failover.poll_interval?'],
  [
    'constructor',
    'sections: handyrep, passwords, failover, extra_failover_commands, archive, server_defaults, servers, plugins',
  ],
])('does not know %s', (key, hint) => {
  const error = { code: 'unknown_setting', message: `there is no setting "${key}"`, hint };
  expect(getSetting(loaded, key)).toEqual({ ok: false, error });
  expect(shown(key)).toEqual(error);
});
