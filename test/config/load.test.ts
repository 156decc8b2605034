import { resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, expectTypeOf, it, test } from 'vitest';
import type { Config } from '../../src/config/effective.js';
import { loadConfig } from '../../src/config/load.js';
import type { FailoverPolicy } from '../../src/core/model.js';
import { formatDuration } from '../../src/core/duration.js';
import { SERVERS, Workspace } from './workspace.js';

const workspace = new Workspace();

test('the failover section is a policy of the core', () => {
  expectTypeOf<Config['failover']>().toExtend<FailoverPolicy>();
});

it('splits proxies off: what is said of hosts holds for them, and nothing of PostgreSQL', async () => {
  const yaml = [
    'failover: { connection_failover_method: multi_pgbouncer }',
    'server_defaults: { port: 5433, ssh_key: keys/id, ssh_user: ops }',
    'servers:',
    '  db1: { hostname: a, role: primary }',
    '  pgb1: { hostname: b, role: pgbouncer, ssh_key: null, admin_user: boss }',
    '  pgb2: { hostname: a, role: pgbouncer, port: 7000, config_file: /x.ini, enabled: false }',
    'plugins: { multi_pgbouncer: { databases: [app] } }',
  ].join('\n');
  const { config, dir } = await workspace.good(yaml);
  expect(Object.keys(config.servers)).toEqual(['db1']);
  const common = { connection: 'ssh', ssh_user: 'ops', ssh_port: 22, become: 'sudo', role: 'pgbouncer' };
  expect(config.proxies).toEqual({
    pgb1: {
      ...common,
      name: 'pgb1',
      hostname: 'b',
      port: 6432,
      enabled: true,
      ssh_key: null,
      admin_user: 'boss',
      config_file: null,
    },
    pgb2: {
      ...common,
      name: 'pgb2',
      hostname: 'a',
      port: 7000,
      enabled: false,
      ssh_key: `${dir}/keys/id`,
      admin_user: null,
      config_file: '/x.ini',
    },
  });
});

it('merges a server over server_defaults over the defaults', async () => {
  const yaml = [
    'server_defaults: { port: 5433, ssh_key: keys/id, lag_limit: 1GB }',
    'servers:',
    '  db1: { hostname: a, role: primary, port: 5434 }',
    '  db2: { hostname: b, role: standby, failover_priority: null, ssh_key: null, enabled: false }',
  ].join('\n');
  const { config, dir } = await workspace.good(yaml);
  const common = {
    connection: 'ssh',
    ssh_user: 'handyrep',
    ssh_port: 22,
    become: 'sudo',
    pgdata: '/var/lib/postgresql/15/main',
    pgconf: null,
    bin_dir: null,
    restart_method: 'restart_pg_ctl',
    promotion_method: 'promote_sql',
    clone_method: 'clone_basebackup',
    use_slots: true,
    lag_limit: 1024 ** 3,
  };
  expect(config.servers).toEqual({
    db1: {
      ...common,
      name: 'db1',
      hostname: 'a',
      role: 'master',
      port: 5434,
      enabled: true,
      ssh_key: `${dir}/keys/id`,
      failover_priority: 999,
    },
    db2: {
      ...common,
      name: 'db2',
      hostname: 'b',
      role: 'replica',
      port: 5433,
      enabled: false,
      ssh_key: null,
      failover_priority: null,
    },
  });
});

it('gives milliseconds, bytes, lists and absolute paths', async () => {
  const yaml = [
    'handyrep: { log_file: /var/log/h.log, sslkey: ~/k, push_alert_method: successplugin, log_max_size: 0 }',
    'failover: { poll_interval: 500ms, verify_interval: 60, max_data_loss: 16MB }',
    SERVERS,
  ].join('\n');
  const { config, dir } = await workspace.good(yaml, { env: { HOME: '/home/x' } });
  expect(config.handyrep).toMatchObject({
    log_file: '/var/log/h.log',
    server_file: `${dir}/servers.save`,
    plugins_dir: `${dir}/plugins`,
    sslkey: '/home/x/k',
    push_alert_method: ['successplugin'],
    log_max_size: 0,
    connect_timeout: 3000,
  });
  expect(config.failover).toMatchObject({
    poll_interval: 500,
    verify_interval: 60_000,
    max_data_loss: { bytes: 16_777_216 },
  });
});

it.each([
  ['none', 'none'],
  ['0', 'none'],
  ['unlimited', 'unlimited'],
  ['1', { bytes: 1_048_576 }],
])('reads max_data_loss %s', async (text, limit) => {
  const { config } = await workspace.good(`failover: { max_data_loss: ${text} }\n${SERVERS}`);
  expect(config.failover.max_data_loss).toEqual(limit);
});

it('needs $HOME for ~/', async () => {
  expect(await workspace.problems(`server_defaults: { ssh_key: ~/k }\n${SERVERS}`)).toEqual([
    '1:29: server_defaults.ssh_key begins with ~/, and $HOME is not set (write the whole path)',
  ]);
});

test('a duration that is written is read as the same', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 100, max: 86_400_000 }), async (milliseconds) => {
      const { config } = await workspace.good(
        `failover: { poll_interval: ${formatDuration(milliseconds)} }\n${SERVERS}`,
      );
      return config.failover.poll_interval === milliseconds;
    }),
    { numRuns: 20 },
  );
});

test('no text makes it throw', async () => {
  const piece = fc.constantFrom(
    'failover',
    'servers',
    ':',
    ' ',
    '\n',
    '- ',
    '{',
    '}',
    '[',
    '"',
    '&a',
    '*a',
    '!!x',
    '|',
    '\t',
    '? ',
    '<<',
    '__proto__',
    'null',
    '1',
    '#',
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 25 }), async (pieces) => {
      const result = await workspace.load(pieces.join(''));
      return result.ok || result.problems.length > 0;
    }),
    { numRuns: 300 },
  );
});

it('warns of a file that anyone can change', async () => {
  const file = await workspace.write('w.yaml', SERVERS, 0o646);
  const result = await loadConfig({ file, env: {} });
  expect(result).toMatchObject({
    ok: true,
    value: { warnings: [{ code: 'config_unsafe', hint: `run: chmod o-w ${file}` }] },
  });
});

describe('a file that is none', () => {
  it.each([
    ['a directory', '.', 'config_invalid', 'is a directory'],
    ['nothing', 'nothing.yaml', 'config_not_found', 'does not exist'],
    ['below a file', 'c.yaml/x', 'config_not_found', 'does not exist'],
  ])('%s', async (_, name, code, message) => {
    await workspace.write('c.yaml', SERVERS);
    const file = resolve(workspace.dir, name);
    expect(await loadConfig({ file, env: {} })).toMatchObject({
      ok: false,
      problems: [{ file, code, message, line: null }],
    });
  });

  it('a device', async () => {
    const result = await loadConfig({ file: '/dev/zero', env: {} });
    expect(result).toMatchObject({ ok: false, problems: [{ message: 'is not a regular file' }] });
  });
});
