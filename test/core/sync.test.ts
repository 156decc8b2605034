import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { type SyncSetting, parseSyncNames } from '../../src/core/sync.js';

const first = (num: number, ...names: readonly string[]): SyncSetting => ({ method: 'first', num, names });
const any = (num: number, ...names: readonly string[]): SyncSetting => ({ method: 'any', num, names });

describe('synchronous_standby_names', () => {
  it.each<[string, SyncSetting | null]>([
    ['a', first(1, 'a')],
    ['a,b', first(1, 'a', 'b')],
    [' a , b ', first(1, 'a', 'b')],
    ['*', first(1, '*')],
    ['2 (a,b)', first(2, 'a', 'b')],
    ['2(a, b, c)', first(2, 'a', 'b', 'c')],
    ['FIRST 2 (a, b)', first(2, 'a', 'b')],
    ['first 1 (a)', first(1, 'a')],
    ['ANY 1 (*)', any(1, '*')],
    ['any 2 (a,b,c)', any(2, 'a', 'b', 'c')],
    ['ANY\n2\n(a,\nb)', any(2, 'a', 'b')],
    ['Server1, SERVER2', first(1, 'server1', 'server2')],
    ['"Quoted, name"', first(1, 'quoted, name')],
    ['FIRST 1 ("Quoted, name", b)', first(1, 'quoted, name', 'b')],
    ['"a ""b"" (c)"', first(1, 'a "b" (c)')],
    ['first', first(1, 'first')],
    ['any, b', first(1, 'any', 'b')],
    ['db_1, db$2, _x', first(1, 'db_1', 'db$2', '_x')],
    ['"db-1"', first(1, 'db-1')],
    ['', null],
    ['  ', null],
    ['FIRST 0 (a)', null],
    ['0 (a)', null],
    ['FIRST 1 ()', null],
    ['FIRST x (a)', null],
    ['SOME 1 (a)', null],
    ['FIRST 1 (a', null],
    ['a b', null],
  ])('%j', (setting, parsed) => {
    expect(parseSyncNames(setting)).toEqual(parsed);
  });

  test('any names, quoted as PostgreSQL quotes them, are read back', () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1 });
    fc.assert(
      fc.property(fc.array(name, { minLength: 1 }), fc.integer({ min: 1, max: 9 }), (names, num) => {
        const list = names.map((one) => `"${one.replaceAll('"', '""')}"`).join(', ');
        expect(parseSyncNames(`ANY ${num} (${list})`)).toEqual(any(num, ...names.map((one) => one.toLowerCase())));
      }),
    );
  });
});
