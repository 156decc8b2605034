import { describe, expect, test } from 'vitest';
import { basebackupPosition, mappedLocation, rsyncPosition, tablespaceMapLine } from '../../src/core/copy.js';

describe('pg_basebackup', () => {
  test.each([
    ['12345/67890 kB (18%), 0/1 tablespace (/data/base/1)\r', { bytes: 12_641_280, total: 69_519_360 }],
    [
      '    0/67890 kB (0%), 0/1 tablespace\r  1024/67890 kB (1%), 0/1 tablespace\r',
      { bytes: 1_048_576, total: 69_519_360 },
    ],
    // Cut to their numbers by our script.
    ['1024/2048\n2048/2048\n', { bytes: 2_097_152, total: 2_097_152 }],
    ['1024\n', { bytes: 1_048_576, total: null }],
    // The estimate was too small.
    ['3072/2048\n', { bytes: 3_145_728, total: 3_145_728 }],
    ['1024/0 kB (100%), 0/1 tablespace\n', { bytes: 1_048_576, total: null }],
    ['pg_basebackup: initiating base backup, waiting for checkpoint to complete\n', null],
    ['pg_basebackup: write-ahead log start point: 0/2000028 on timeline 1\n', null],
    ['', null],
  ])('%j', (output, position) => {
    expect(basebackupPosition(output)).toEqual(position);
  });
});

describe('rsync', () => {
  test.each([
    ['\r      1,234,567  12%    1.21MB/s    0:00:01  ', 1_234_567],
    ['\r 1,000  1%  1.2MB/s 0:00:01 \r 2.000.000 100%  1.2MB/s 0:00:01 (xfr#1, to-chk=0/3)\n', 2_000_000],
    ['1,000  1%  1.2MB/s 0:00:01 ', 1000],
    // The name of a file is no position.
    ['pg_wal/7  1% \n', null],
    ['sending incremental file list\n', null],
  ])('%j', (output, bytes) => {
    expect(rsyncPosition(output)).toBe(bytes);
  });
});

test('a tablespace goes where it is mapped to, else to the same path', () => {
  expect(mappedLocation('/a', { '/a': '/b' })).toBe('/b');
  expect(mappedLocation('/c', { '/a': '/b' })).toBe('/c');
  expect(mappedLocation('toString', {})).toBe('toString');
});

test('a line of tablespace_map escapes what would end it', () => {
  expect(tablespaceMapLine('16384', '/a b')).toBe('16384 /a b\n');
  expect(tablespaceMapLine('1', '/a\nb\\c')).toBe('1 /a\\\nb\\\\c\n');
});
