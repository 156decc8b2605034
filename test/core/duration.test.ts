import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { formatDuration, formatSize, parseDuration, parseSize } from '../../src/core/duration.js';

describe('parseDuration', () => {
  it.each([
    [5, 5000],
    [0, 0],
    [0.5, 500],
    ['500ms', 500],
    ['5s', 5000],
    ['2m', 120_000],
    ['2min', 120_000],
    ['1h', 3_600_000],
    ['1d', 86_400_000],
    ['1.5h', 5_400_000],
    ['55', 55_000],
    [' 5 s ', 5000],
    ['-5s', null],
    [-1, null],
    [Infinity, null],
    [Number.NaN, null],
    ['', null],
    ['s', null],
    ['5 parsecs', null],
    ['1h30m', null],
    ['5S', null],
    ['1e3', null],
    ['99999999999999999d', null],
  ])('%j is %j', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  test('what is formatted is parsed to the same', () => {
    fc.assert(fc.property(fc.maxSafeNat(), (value) => parseDuration(formatDuration(value)) === value));
  });
});

it.each([
  [0, '0s'],
  [1, '1ms'],
  [1000, '1s'],
  [90_000, '90s'],
  [120_000, '2m'],
  [86_400_000, '1d'],
])('%i ms is written %s', (milliseconds, text) => {
  expect(formatDuration(milliseconds)).toBe(text);
});

describe('parseSize', () => {
  it.each([
    [16, 16_777_216],
    [0, 0],
    ['16', 16_777_216],
    ['100B', 100],
    ['512kB', 524_288],
    ['512KB', 524_288],
    ['16MB', 16_777_216],
    ['1gb', 1_073_741_824],
    ['1TB', 1_099_511_627_776],
    ['0.5 GB', 536_870_912],
    ['-1MB', null],
    [-1, null],
    ['16MiB', null],
    ['16M', null],
    ['', null],
    ['99999999TB', null],
  ])('%j is %j', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  test('what is formatted is parsed to the same', () => {
    fc.assert(fc.property(fc.maxSafeNat(), (value) => parseSize(formatSize(value)) === value));
  });
});

it.each([
  [0, '0B'],
  [1025, '1025B'],
  [1024, '1kB'],
  [104_857_600, '100MB'],
])('%i bytes are written %s', (bytes, text) => {
  expect(formatSize(bytes)).toBe(text);
});
