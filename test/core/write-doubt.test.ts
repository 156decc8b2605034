import { describe, expect, it } from 'vitest';
import type { ServerStatusName } from '../../src/core/model.js';
import type { ServerObservation } from '../../src/core/observation.js';
import { doubtsWrites } from '../../src/core/write-doubt.js';
import { factsOf, observation, savedServer } from './build.js';

type Row = readonly [when: string, last: ServerStatusName, seen: ServerObservation, doubts: boolean];

const healthy = observation('db1', 'accepting', factsOf('master'));

const ROWS: readonly Row[] = [
  ['all is well', 'healthy', healthy, false],
  ['something else is wrong with it', 'warning', healthy, false],
  ['it was down when it was last looked at', 'down', healthy, true],
  ['it was down, and the poll method tells no facts', 'down', observation('db1', 'accepting'), true],
  ['it took long to answer', 'healthy', { ...healthy, took: 1001 }, true],
  ['it does not answer', 'down', observation('db1', 'refused'), false],
  ['it is read only', 'down', observation('db1', 'accepting', factsOf('master', { read_only: true })), false],
  ['it is a replica', 'down', observation('db1', 'accepting', factsOf('replica')), false],
];

describe('whether a master is to prove a write', () => {
  it.each(ROWS)('%s', (_, status, seen, doubts) => {
    expect(doubtsWrites({ ...savedServer('db1').status, status }, seen)).toBe(doubts);
  });
});
