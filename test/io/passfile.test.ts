import { describe, expect, test } from 'vitest';
import { matchPassfile, passfilePath } from '../../src/io/passfile.js';

const wanted = { host: 'db1.example.com', port: 5432, database: 'app', user: 'handyrep' };

describe('a line of a password file', () => {
  test.each([
    ['db1.example.com:5432:app:handyrep:secret', 'secret'],
    ['*:*:*:*:secret', 'secret'],
    ['*:*:*:*:a\\:b\\\\c', 'a:b\\c'],
    ['*:*:*:*:secret:more', 'secret'],
    ['*:*:*:*:', ''],
    ['db2.example.com:*:*:*:secret', null],
    ['*:5433:*:*:secret', null],
    ['*:*:other:*:secret', null],
    ['*:*:*:other:secret', null],
    ['\\*:*:*:*:secret', null],
    ['#*:*:*:*:secret', null],
    ['*:*:*:secret', null],
    ['', null],
  ])('%s', (line, expected) => {
    expect(matchPassfile(line, wanted)).toBe(expected);
  });

  test('the first that fits counts', () => {
    const text = '*:*:*:other:no\n*:*:*:handyrep:first\r\n*:*:*:*:second\n';
    expect(matchPassfile(text, wanted)).toBe('first');
  });

  test('the usual Unix sockets are localhost', () => {
    expect(matchPassfile('localhost:*:*:*:secret', { ...wanted, host: '/var/run/postgresql' })).toBe('secret');
    expect(matchPassfile('localhost:*:*:*:secret', { ...wanted, host: '/elsewhere' })).toBeNull();
  });
});

test('where it is', () => {
  expect(passfilePath({ PGPASSFILE: '/a/b', HOME: '/home/x' })).toBe('/a/b');
  expect(passfilePath({ HOME: '/home/x' })).toBe('/home/x/.pgpass');
});
