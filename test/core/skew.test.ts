import { expect, test } from 'vitest';
import { describeSkew } from '../../src/core/skew.js';

test.each([
  [0, null],
  [2000, null],
  [-2000, null],
  [2001, "its clock is 2.0 s ahead of this host's"],
  [-3500, "its clock is 3.5 s behind this host's"],
])('a clock that is %d ms ahead: %s', (skew, words) => {
  expect(describeSkew(skew)).toBe(words);
});
