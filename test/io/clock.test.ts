import { expect, test } from 'vitest';
import { readBootId, systemClock } from '../../src/io/clock.js';

test('clocks go on', () => {
  const [wall, uptime, monotonic] = [systemClock.wall(), systemClock.uptime(), systemClock.monotonic()];
  expect(wall).toBeGreaterThan(Date.parse('2024-01-01'));
  expect(uptime).toBeGreaterThan(0);
  expect(systemClock.uptime()).toBeGreaterThanOrEqual(uptime);
  expect(systemClock.monotonic()).toBeGreaterThanOrEqual(monotonic);
});

test('a boot has one name, also without the kernel naming it', () => {
  expect(systemClock.bootId()).toBe(systemClock.bootId());
  expect(systemClock.bootId()).not.toBe('');
  expect(readBootId('/nonexistent')).toMatch(/^booted-\d+$/);
});
