import { expect, test } from 'vitest';
import { parseHeartbeat } from '../../src/core/heartbeat.js';
import { lsn } from './build.js';

const ROW = { lsn: '0/1543210', walfile: '0000000B00000000000000A1' };

test.each([
  ['a master', ROW, { lsn: lsn(0x1543210), timeline: 11 }],
  ['a server in recovery', { lsn: null, walfile: null }, null],
  ['a position without a timeline', { ...ROW, walfile: null }, null],
  ['no position at all', {}, null],
  ['what is no position', { ...ROW, lsn: 'x' }, null],
] as const)('%s', (_, row, expected) => {
  expect(parseHeartbeat(row)).toEqual(expected);
});
