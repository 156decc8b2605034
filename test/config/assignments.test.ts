import { describe, expect, it } from 'vitest';
import { nameProblems, newServer, readAssignments } from '../../src/config/assignments.js';
import { serverDefaultsSection } from '../../src/config/schema/servers.js';

const absolute = (path: string) => `/etc/handyrep/${path}`;

it('reads key=value as the file would', () => {
  const words = [
    'hostname=10.0.0.1',
    'role=standby',
    'port=5433',
    'enabled=false',
    'failover_priority=null',
    'lag_limit=1GB',
    'ssh_key=id',
    'pgconf=null',
  ];
  expect(readAssignments(words, absolute)).toEqual({
    problems: [],
    changes: {
      hostname: '10.0.0.1',
      role: 'replica',
      port: 5433,
      enabled: false,
      failover_priority: null,
      lag_limit: 1024 ** 3,
      ssh_key: '/etc/handyrep/id',
      pgconf: null,
    },
  });
});

it.each([
  ['port', '"port" is not of the form key=value'],
  ['=x', '"=x" is not of the form key=value'],
  ['prot=1', 'a server has no setting "prot"'],
  ['name=db2', 'a server has no setting "name"'],
  ['role=boss', 'role=boss is not accepted: must be one of master, replica, primary, standby, pgbouncer, haproxy'],
  ['hostname=-x', 'hostname=-x is not accepted: must not begin with "-"'],
  ['pgdata=x', 'pgdata=x is not accepted: must be an absolute path: it is a folder on the server'],
])('refuses %s', (word, message) => {
  expect(readAssignments([word], absolute)).toMatchObject({ changes: {}, problems: [{ message }] });
});

it.each(['port=0', 'port=x', 'enabled=maybe', 'lag_limit=-1', '__proto__=1', 'port='])('refuses %s', (word) => {
  expect(readAssignments([word], absolute).problems).toHaveLength(1);
});

it('tells every problem at once, and what was meant', () => {
  const words = ['prot=1', 'role=mastre', 'port=0', 'lag_limit=1GB', 'port=5432', 'x'];
  const { changes, problems } = readAssignments(words, absolute);
  expect(changes).toEqual({ lag_limit: 1024 ** 3 });
  expect(problems.map(({ message, hint }) => `${message} | ${hint ?? ''}`)).toEqual([
    'a server has no setting "prot" | did you mean port?',
    'role=mastre is not accepted: must be one of master, replica, primary, standby, pgbouncer, haproxy | did you mean master?',
    expect.stringContaining('port=0 is not accepted'),
    'port is given twice | ',
    '"x" is not of the form key=value | ',
  ]);
});

describe('a new server', () => {
  const defaults = serverDefaultsSection.parse({});

  it('is a disabled replica with the defaults', () => {
    expect(newServer('db3', { hostname: 'h', port: 5433 }, defaults)).toEqual({
      ...defaults,
      name: 'db3',
      hostname: 'h',
      port: 5433,
      role: 'replica',
      enabled: false,
    });
  });

  it.each(['-x', '__proto__', 'constructor', 'a b', '', '../x', 'dé'])('is not named %j', (name) => {
    expect(nameProblems(name)).toHaveLength(1);
  });
});
