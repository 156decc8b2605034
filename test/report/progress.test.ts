import { describe, expect, test } from 'vitest';
import {
  type ProgressView,
  type Sample,
  addSample,
  progressBar,
  progressLine,
  rateOf,
} from '../../src/report/progress.js';

const MB = 1024 ** 2;
const copying: ProgressView = { server: 'db3', phase: 'copying', bytes: 450 * MB, total: 1000 * MB, rate: 10 * MB };

describe('a bar', () => {
  test.each<[Partial<ProgressView>, number, string]>([
    [{}, 100, 'db3  [=================>                      ]   45%  450.0 MB of 1000.0 MB  10.0 MB/s  0:55 left'],
    [{}, 70, 'db3  [====>       ]   45%  450.0 MB of 1000.0 MB  10.0 MB/s  0:55 left'],
    // What does not fit is left out, from the end.
    [{}, 60, 'db3  [=====>       ]   45%  450.0 MB of 1000.0 MB  10.0 MB/s'],
    [{}, 30, 'db3  [=======>         ]   45%'],
    [{}, 12, 'db3   45%'],
    [{}, 4, 'db3 '],
    [{ bytes: 0, rate: null }, 50, 'db3  [                   ]    0%  0 B of 1000.0 MB'],
    [{ bytes: 2000 * MB, rate: 0 }, 70, 'db3  [=============================]  100%  2.0 GB of 1000.0 MB  0 B/s'],
    [{ phase: 'starting', total: null }, 50, 'db3  starting'],
    [{ total: null }, 50, 'db3  copying'],
  ])('%j in %d columns', (more, columns, text) => {
    const line = progressBar({ ...copying, ...more }, columns);
    expect(line.length).toBeLessThanOrEqual(columns);
    expect(line).toBe(text);
  });

  test('never wider than the terminal', () => {
    for (let columns = 1; columns < 120; columns++) {
      expect(progressBar(copying, columns).length).toBeLessThanOrEqual(columns);
    }
  });
});

test.each<[Partial<ProgressView>, string]>([
  [{}, 'db3: copying,  45%, 450.0 MB of 1000.0 MB, 10.0 MB/s, 0:55 left'],
  [{ rate: 0.01 * MB, bytes: 0 }, 'db3: copying,   0%, 0 B of 1000.0 MB, 10.2 kB/s, 27:46:40 left'],
  [{ total: null, rate: null }, 'db3: copying, 450.0 MB'],
  [{ phase: 'removing the old data' }, 'db3: removing the old data'],
])('a line: %j', (more, text) => {
  expect(progressLine({ ...copying, ...more })).toBe(text);
});

describe('the rate', () => {
  const add = (...bytes: number[]): readonly Sample[] =>
    bytes.reduce<readonly Sample[]>((all, value, second) => addSample(all, { at: second * 1000, bytes: value }), []);

  test('needs a second', () => {
    expect(rateOf([])).toBeNull();
    expect(rateOf(add(5))).toBeNull();
    expect(rateOf(add(0, 100))).toBe(100);
  });

  test('is that of the last ten seconds', () => {
    expect(rateOf(add(...Array.from({ length: 30 }, (_, second) => (second < 15 ? 0 : (second - 14) * 50))))).toBe(50);
  });

  test('begins anew where it goes backwards', () => {
    expect(rateOf(add(100, 200, 0, 10, 20))).toBe(10);
  });
});
