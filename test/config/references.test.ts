import { mkdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { SERVERS, Workspace } from './workspace.js';

const workspace = new Workspace();

describe('servers', () => {
  it('has one master, and says so even where other keys are wrong', async () => {
    const yaml = [
      'servers:',
      '  a: { hostname: h1, role: master, port: no }',
      '  b: { hostname: h2, role: primary }',
      '  c: { hostname: h3, role: master }',
    ].join('\n');
    const hint = '(one cluster has one master; the other servers have role: replica)';
    expect(await workspace.problems(yaml)).toEqual([
      '2:42: servers.a.port must be a number, not "no"',
      `3:28: servers.b.role is a second master: a is the master already ${hint}`,
      `4:28: servers.c.role is a second master: a is the master already ${hint}`,
    ]);
  });

  it('has a master', async () => {
    expect(await workspace.problems('servers: { a: { hostname: x, role: replica } }')).toEqual([
      '1:1: servers has no master (give one server role: master)',
    ]);
  });

  it('has no address and no data directory twice', async () => {
    const yaml = [
      'server_defaults: { port: 5433 }',
      'servers:',
      '  a: { hostname: H1, role: master }',
      '  b: { hostname: h1., role: replica }',
      '  c: { hostname: h1, role: replica, port: 5434 }',
      '  d: { hostname: h1, role: replica, port: 5435, pgdata: /other }',
    ].join('\n');
    expect(await workspace.problems(yaml)).toEqual([
      '4:18: servers.b.hostname and port are those of a too: h1. port 5433',
      '5:3: servers.c.pgdata is the data directory of a too: /var/lib/postgresql/15/main on h1',
    ]);
  });
});

describe('proxies', () => {
  it('have keys of their own, and no address of another', async () => {
    const yaml = [
      'servers:',
      '  a: { hostname: h1, role: master, port: 6432, admin_user: x }',
      '  p: { hostname: h1, role: pgbouncer, lag_limit: 1MB }',
    ].join('\n');
    expect(await workspace.problems(yaml)).toEqual([
      '2:48: servers.a.admin_user means nothing for a PostgreSQL server: only proxies have it',
      '3:18: servers.p.hostname and port are those of a too: h1 port 6432',
      '3:39: servers.p.lag_limit means nothing for a proxy: only PostgreSQL servers have it',
    ]);
  });

  it('are no master, and nothing without a method', async () => {
    expect(await workspace.problems('servers: { p: { hostname: x, role: pgbouncer } }')).toEqual([
      '1:1: servers has no master (give one server role: master)',
    ]);
    const yaml = 'servers: { a: { hostname: x, role: master }, p: { hostname: y, role: pgbouncer } }';
    const { warnings } = await workspace.good(yaml);
    expect(warnings.map(({ path, message }) => `${path} ${message}`)).toEqual([
      'servers.p.role is a proxy, and failover.connection_failover_method is not set: nothing is done with it',
    ]);
  });
});

describe('plugins', () => {
  it('are built in, of the right kind', async () => {
    const yaml = [
      'handyrep: { push_alert_method: [failplugin, run_command, run_comand] }',
      'failover:',
      '  poll_method: one_hr_master',
      '  selection_method: successplugin',
      '  fence_method: successplugin',
      '  rejoin_method: ../../etc/passwd',
      'extra_failover_commands: { tell: { command: run_comand } }',
      'plugins: { run_comand: {} }',
      SERVERS,
    ].join('\n');
    const nowhere = (name: string) => `neither built in nor ${name}.js or ${name}.mjs in ${workspace.dir}/plugins`;
    const strip = (line: string) => line.replaceAll(`${workspace.dir}/`, '');
    const unknown = (name: string) => strip(`names an unknown plugin, ${name}: ${nowhere(name)}`);
    expect(await workspace.problems(yaml)).toEqual([
      '1:45: handyrep.push_alert_method.1 names run_command, which is an extra_command, not a push_alert_method (built in: push_email_alert_simple, push_webhook, push_command)',
      `1:58: handyrep.push_alert_method.2 ${unknown('run_comand')} (built in: push_email_alert_simple, push_webhook, push_command)`,
      '3:16: failover.poll_method names one_hr_master, which is a master_check_method, not a poll_method (built in: poll_connect, poll_isready)',
      '4:21: failover.selection_method names successplugin, which cannot be a selection_method (built in: select_replica_furthest_ahead, select_replica_priority)',
      '6:18: failover.rejoin_method must be the name of a plugin (letters, digits, _ and -)',
      `7:45: extra_failover_commands.tell.command ${unknown('run_comand')} (did you mean run_command?)`,
      `8:12: plugins.run_comand ${unknown('run_comand')} (did you mean run_command?)`,
    ]);
  });

  it('may be files in plugins_dir, which stand for any kind', async () => {
    await mkdir(`${workspace.dir}/mine`, { recursive: true });
    await workspace.write('mine/my_poll.js', '');
    await workspace.write('mine/one_hr_master.mjs', '');
    const yaml = [
      'handyrep: { plugins_dir: mine }',
      'failover: { poll_method: my_poll, selection_method: one_hr_master }',
      SERVERS,
    ].join('\n');
    expect(await workspace.problems(yaml)).toEqual([]);
  });
});

it('wants a method for archiving', async () => {
  expect(await workspace.problems(`archive: { archiving: true }\n${SERVERS}`)).toEqual([
    '1:23: archive.archiving is true, and archive_script_method is not given (name a plugin, or write false)',
  ]);
});

it('warns of what is hardly meant', async () => {
  const yaml = [
    'failover: { min_witnesses: 2, poll_connection_proxy: true }',
    'servers:',
    '  a: { hostname: h1, role: master, enabled: false }',
    '  b: { hostname: h2, role: replica }',
  ].join('\n');
  const { warnings } = await workspace.good(yaml);
  expect(workspace.lines(warnings)).toEqual([
    '1:28: failover.min_witnesses asks for more witnesses than there are enabled replicas (1): no master will be believed lost',
    '1:54: failover.poll_connection_proxy has no effect without connection_failover_method',
    '3:45: servers.a.enabled disables the master: nothing will watch it',
  ]);
});
