import { describe, expect, test } from 'vitest';
import { type Figure, rowsOf, spreadOf } from '../../bench/figures.js';

describe('minimum, median and maximum', () => {
  test.each([
    { values: [5], spread: { min: 5, median: 5, max: 5 } },
    { values: [9, 1, 5], spread: { min: 1, median: 5, max: 9 } },
    { values: [10, 2, 4, 100], spread: { min: 2, median: 7, max: 100 } },
  ])('$values', ({ values, spread }) => {
    expect(spreadOf(values)).toEqual(spread);
  });

  test('of nothing there are none', () => {
    expect(() => spreadOf([])).toThrow('nothing was measured');
  });
});

describe('rows', () => {
  const floor: Figure = { name: 'floor', unit: 'ms', values: [10, 20, 40] };

  test('what took turns is compared run by run', () => {
    const [, row] = rowsOf([floor, { name: 'ours', unit: 'ms', values: [20, 20, 120], against: 'floor' }]);
    expect(row?.ratio).toEqual({ min: 1, median: 2, max: 3 });
  });

  test('other numbers of runs are compared with the median of the other', () => {
    const [, row] = rowsOf([floor, { name: 'ours', unit: 'ms', values: [10, 30], against: 'floor' }]);
    expect(row?.ratio).toEqual({ min: 0.5, median: 1, max: 1.5 });
  });

  test.each([
    { aim: { of: 'median', at_most: 20 }, met: true },
    { aim: { of: 'median', at_most: 19 }, met: false },
    { aim: { of: 'ratio', at_most: 1 }, met: true },
    { aim: { of: 'ratio', at_most: 0.9 }, met: false },
  ] as const)('an aim of $aim.at_most for the $aim.of: $met', ({ aim, met }) => {
    const [, row] = rowsOf([floor, { name: 'ours', unit: 'ms', values: [10, 20, 40], against: 'floor', aim }]);
    expect(row?.met).toBe(met);
  });

  test('without an aim, or anything to compare with, there is neither', () => {
    expect(rowsOf([floor])).toEqual([
      { name: 'floor', unit: 'ms', min: 10, median: 20, max: 40, against: null, ratio: null, aim: null, met: null },
    ]);
  });

  test('a ratio cannot be wanted of a figure that is compared with nothing', () => {
    expect(() => rowsOf([{ ...floor, aim: { of: 'ratio', at_most: 1 } }])).toThrow('floor');
  });

  test('a figure that is compared with none of the others is a mistake', () => {
    expect(() => rowsOf([{ ...floor, against: 'flor' }])).toThrow('flor');
  });
});
