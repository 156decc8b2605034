import { describe, expect, test } from 'vitest';
import { lateAfter, retryTimes } from '../../src/core/patience.js';

describe('a look is late', () => {
  test.each([
    ['after half a second, where it usually takes a moment', 12, 500],
    ['after three times what is usual, where that is longer: the server is far away', 400, 1200],
    ['after the whole time-out and more, so never, where it usually takes nearly as long', 2000, 6000],
    ['after half the time-out, where nobody knows', null, 1500],
  ])('%s', (_, usual, late) => {
    expect(lateAfter(usual, 3000)).toBe(late);
  });
});

describe('the retries begin', () => {
  const policy = { fail_retries: 3, fail_retry_interval: 1000 };
  test.each([
    ['an interval after a look that has just failed, and an interval apart', policy, 0, [1000, 2000, 3000]],
    ['an interval after a look began that is late by now', policy, 500, [500, 1500, 2500]],
    ['at once where that was longer ago, and never two at once', policy, 1500, [0, 1000, 2000]],
    ['an interval from now where our clock was set back meanwhile', policy, -5000, [1000, 2000, 3000]],
    ['never, where none is wanted', { ...policy, fail_retries: 0 }, 500, []],
  ])('%s', (_, settings, since, times) => {
    expect(retryTimes(settings, since)).toEqual(times);
  });
});
