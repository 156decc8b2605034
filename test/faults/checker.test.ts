import { describe, expect, test } from 'vitest';
import type { Ack } from '../../src/demo/writer.js';
import { beyondStatement, outage, readStatedLoss, reckon, twoMasters } from './checker.js';

function ack(id: number, at: number, host = 'a'): Ack {
  return { id, at, host, port: 5432 };
}

describe('the rows that a server holds against what was acknowledged', () => {
  test('lost, duplicated and unacknowledged rows are told apart', () => {
    const acks = [ack(1, 10), ack(2, 20), ack(3, 30)];
    expect(reckon(acks, [1, 3, 3, 4])).toEqual({
      acknowledged: 3,
      lost: [ack(2, 20)],
      duplicated: [3],
      unacknowledged: [4],
    });
  });

  test('all well', () => {
    expect(reckon([ack(1, 10)], [1])).toEqual({ acknowledged: 1, lost: [], duplicated: [], unacknowledged: [] });
  });
});

describe('outage: the longest time between two acknowledgements', () => {
  test.each([
    ['of none', [], 0],
    ['of one', [5], 0],
    ['of several, in any order', [0, 100, 10, 500], 400],
  ])('%s', (_, times, longest) => {
    expect(outage(times.map((at, id) => ack(id, at)))).toBe(longest);
  });
});

describe('two masters: how long a server went on after its successor began', () => {
  test.each([
    ['one after the other', [ack(1, 10), ack(2, 20, 'b')], 0],
    ['the old one went on', [ack(1, 10), ack(2, 20, 'b'), ack(3, 50), ack(4, 60, 'b')], 30],
    ['the first after the third of three', [ack(1, 10), ack(2, 20, 'b'), ack(3, 30, 'c'), ack(4, 45)], 25],
    ['the successor never wrote', [ack(1, 10)], 0],
  ])('%s', (_, acks, expected) => {
    const reigns = ['a', 'b', 'c'].filter((host) => host !== 'c' || acks.some((one) => one.host === 'c'));
    expect(twoMasters(acks, reigns)).toBe(expected);
  });
});

describe('what a failover said of its loss', () => {
  test.each([
    ['none (synchronous: 2 of 2 standbys answer)', { kind: 'none' }],
    ['unknown (the position of the master was never recorded)', { kind: 'unknown' }],
    [
      '12 bytes of WAL known to be missing, and at most what was written in the 0.7 s since the last poll',
      { kind: 'bounded', bytes: 12, unfenced: false },
    ],
    [
      '0 bytes of WAL known to be missing, and at most what was written in the 0.7 s since the last poll, and whatever db1 takes until it is fenced, if it lives',
      { kind: 'bounded', bytes: 0, unfenced: true },
    ],
  ] as const)('%s', (text, stated) => {
    expect(readStatedLoss(text)).toEqual(stated);
  });

  test('other words are no statement', () => {
    expect(() => readStatedLoss('a bit')).toThrow('no statement of a loss: a bit');
  });
});

describe('losses beyond the statement', () => {
  const times = { calm: 1000, trouble: 2000 };
  const [early, between, late] = [ack(1, 900), ack(2, 1500), ack(3, 9000)];
  const lost = [early, between, late];

  test.each([
    ['unknown covers everything', { kind: 'unknown' }, []],
    ['none covers nothing', { kind: 'none' }, lost],
    ['a bound covers what came between', { kind: 'bounded', bytes: 0, unfenced: false }, [early, late]],
    ['bytes cover rows from before', { kind: 'bounded', bytes: 64, unfenced: false }, [late]],
    ['an unfenced master covers what came after', { kind: 'bounded', bytes: 0, unfenced: true }, [early]],
  ] as const)('%s', (_, stated, beyond) => {
    expect(beyondStatement(lost, stated, times)).toEqual(beyond);
  });
});
