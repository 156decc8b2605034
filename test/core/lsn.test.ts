import fc from 'fast-check';
import { expect, it, test } from 'vitest';
import { bytesBehind, formatLsn, lsnFromNumber, maxLsn, parseLsn } from '../../src/core/lsn.js';
import { lsn } from './build.js';

it.each<[string, bigint | null]>([
  ['0/0', 0n],
  ['16/B374D848', 0x16b374d848n],
  ['ffffffff/ffffffff', 2n ** 64n - 1n],
  ['0/00000028', 0x28n],
  ['', null],
  ['0', null],
  ['0/', null],
  ['0/G', null],
  ['100000000/0', null],
  [' 0/0', null],
])('%j is %s', (text, value) => {
  expect(parseLsn(text)).toBe(value);
});

test('what is formatted is parsed to the same', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
      expect(parseLsn(formatLsn(lsnFromNumber(value)))).toBe(value);
    }),
  );
});

it.each([
  [5, 9, 4],
  [9, 9, 0],
  [9, 5, 0],
])('%i is %i bytes behind %i', (behind, ahead, bytes) => {
  expect(bytesBehind(lsn(behind), lsn(ahead))).toBe(bytes);
});

test('the greater of two', () => {
  const [a, b] = [lsn(1), lsn(2)];
  expect([maxLsn(a, b), maxLsn(b, a), maxLsn(null, a), maxLsn(a, null), maxLsn(null, null)]).toEqual([
    b,
    b,
    a,
    a,
    null,
  ]);
});
