import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import {
  type Conninfo,
  formatConninfo,
  getValue,
  parseConninfo,
  pointAt,
  pointNowhere,
  pointsNowhere,
  redactConninfo,
  setValues,
} from '../../src/core/conninfo.js';

describe('parseConninfo', () => {
  it.each<[string, Conninfo | null]>([
    ['', []],
    ['  ', []],
    ['host=a', [['host', 'a']]],
    [
      'host=a port=5432',
      [
        ['host', 'a'],
        ['port', '5432'],
      ],
    ],
    [
      ' host = a  port\t=\n5432 ',
      [
        ['host', 'a'],
        ['port', '5432'],
      ],
    ],
    ["host='a b'", [['host', 'a b']]],
    ["host=''", [['host', '']]],
    ['host=', [['host', '']]],
    [String.raw`password='it\'s a \\ b'`, [['password', String.raw`it's a \ b`]]],
    [String.raw`user=a\ b`, [['user', 'a b']]],
    ["user=o'brien", [['user', "o'brien"]]],
    [
      'host=a host=b',
      [
        ['host', 'a'],
        ['host', 'b'],
      ],
    ],
    ["options='-c a=b'", [['options', '-c a=b']]],
    ['application_name=größe', [['application_name', 'größe']]],
    ['host', null],
    ['=a', null],
    ['host a', null],
    ["host='a", null],
    ["host='a' b", null],
    ['postgresql://', []],
    ['postgresql://db1', [['host', 'db1']]],
    [
      'postgres://u:p%40ss@db1:5433/app?sslmode=require&application_name=db2',
      [
        ['user', 'u'],
        ['password', 'p@ss'],
        ['host', 'db1'],
        ['port', '5433'],
        ['dbname', 'app'],
        ['sslmode', 'require'],
        ['application_name', 'db2'],
      ],
    ],
    [
      'postgresql://[::1]:5432/',
      [
        ['host', '::1'],
        ['port', '5432'],
      ],
    ],
    [
      'postgresql:///app?host=%2Ftmp',
      [
        ['dbname', 'app'],
        ['host', '/tmp'],
      ],
    ],
    ['postgresql://u%zz@db1', null],
    ['postgresql://db1/app?sslmode', null],
  ])('%j', (text, parsed) => {
    expect(parseConninfo(text)).toEqual(parsed);
  });

  test('reads back whatever formatConninfo writes', () => {
    const keyword = fc.stringMatching(/^[a-z_]{1,12}$/);
    const value = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom("'", '\\', ' ', '=', '\n', 'é', '🐘', 'a') }),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(keyword, value)), (pairs) => {
        expect(parseConninfo(formatConninfo(pairs))).toEqual(pairs);
      }),
    );
  });
});

test('redactConninfo never holds a secret', () => {
  const secret = fc.string({ minLength: 9, unit: 'grapheme' }).map((text) => `s3cret${text}`);
  const keyword = fc.constantFrom(
    'password',
    'sslpassword',
    'oauth_client_secret',
    'scram_client_key',
    'scram_server_key',
  );
  fc.assert(
    fc.property(keyword, secret, fc.boolean(), (name, value, uri) => {
      const text = uri
        ? `postgresql://db1/?${name}=${encodeURIComponent(value)}`
        : `host=db1 ${formatConninfo([[name, value]])}`;
      const conninfo = parseConninfo(text);
      expect(conninfo === null ? '' : getValue(conninfo, name)).toBe(value);
      const shown = redactConninfo(conninfo ?? []);
      expect(shown).toContain("host='db1'");
      expect(shown).not.toContain('s3cret');
    }),
  );
});

describe('the value that counts', () => {
  it.each<[string, string, string | null]>([
    ['host=a host=b', 'host', 'b'],
    ['host=a', 'port', null],
    ["host=''", 'host', ''],
  ])('%s: %s is %s', (text, keyword, value) => {
    expect(getValue(parseConninfo(text) ?? [], keyword)).toBe(value);
  });
});

const UPSTREAM: Conninfo = [
  ['user', 'replicator'],
  ['password', 'p'],
  ['host', 'db1'],
  ['hostaddr', '192.0.2.1'],
  ['port', '5432'],
  ['application_name', 'db2'],
];

test('setValues sets, replaces and removes, and leaves the others alone', () => {
  expect(setValues(UPSTREAM, { host: 'db3', hostaddr: null, sslmode: 'require' })).toEqual([
    ['user', 'replicator'],
    ['password', 'p'],
    ['port', '5432'],
    ['application_name', 'db2'],
    ['host', 'db3'],
    ['sslmode', 'require'],
  ]);
});

test('a receiver is pointed nowhere and back, and keeps everything else', () => {
  const nowhere = pointNowhere(UPSTREAM);
  expect([pointsNowhere(nowhere), pointsNowhere(UPSTREAM), pointsNowhere([])]).toEqual([true, false, false]);
  expect(getValue(nowhere, 'hostaddr')).toBeNull();
  const back = pointAt(nowhere, { host: 'db3', port: '5433' }, { user: 'other', sslmode: 'prefer' });
  expect(pointsNowhere(back)).toBe(false);
  expect(Object.fromEntries(back)).toEqual({
    user: 'replicator',
    password: 'p',
    application_name: 'db2',
    host: 'db3',
    port: '5433',
    sslmode: 'prefer',
  });
});
