import { describe, expect, it } from 'vitest';
import { newServer, parseServerAssignments } from '../../src/config/assignments.js';
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
  expect(parseServerAssignments(words, absolute)).toEqual({
    ok: true,
    value: {
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
  ['role=boss', 'role=boss is not accepted: must be one of master, replica, primary, standby'],
  ['hostname=-x', 'hostname=-x is not accepted: must not begin with "-"'],
  ['pgdata=x', 'pgdata=x is not accepted: must be an absolute path: it is a folder on the server'],
])('refuses %s', (word, message) => {
  expect(parseServerAssignments([word], absolute)).toMatchObject({ ok: false, error: { code: 'usage', message } });
});

it.each(['port=0', 'port=x', 'enabled=maybe', 'lag_limit=-1', '__proto__=1', 'port='])('refuses %s', (word) => {
  expect(parseServerAssignments([word], absolute).ok).toBe(false);
});

it('refuses a key given twice', () => {
  expect(parseServerAssignments(['port=1', 'port=2'], absolute)).toMatchObject({
    error: { message: 'port is given twice' },
  });
});

describe('newServer', () => {
  const defaults = serverDefaultsSection.parse({});

  it('is a disabled replica with the defaults', () => {
    expect(newServer('db3', { hostname: 'h', port: 5433 }, defaults)).toEqual({
      ok: true,
      value: { ...defaults, name: 'db3', hostname: 'h', port: 5433, role: 'replica', enabled: false },
    });
  });

  it.each(['-x', '__proto__', 'constructor', 'a b', ''])('is not named %j', (name) => {
    expect(newServer(name, { hostname: 'h' }, defaults).ok).toBe(false);
  });

  it('needs a host', () => {
    expect(newServer('db3', {}, defaults)).toMatchObject({ ok: false, error: { message: 'db3 needs hostname=HOST' } });
  });
});
