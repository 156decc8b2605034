import { expect, test } from 'vitest';
import { staleAfter } from '../../src/core/staleness.js';

test.each([
  [5000, 60_000],
  [20_000, 60_000],
  [30_000, 90_000],
])('with a check every %d ms, what is older than %d ms is old', (poll_interval, after) => {
  expect(staleAfter(poll_interval)).toBe(after);
});
