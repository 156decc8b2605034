import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeJson, encodeJson } from '../../src/core/json.js';
import { lsnFromNumber } from '../../src/core/lsn.js';

const position = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map(lsnFromNumber);
const observation = fc.record({
  server: fc.string(),
  lsn: fc.option(position),
  receive_lsn: position,
  // Text that looks like a position, where no position belongs, stays text.
  detail: fc.oneof(fc.string(), fc.constant('0/3000060')),
  standbys: fc.array(fc.record({ flush_lsn: fc.option(position), state: fc.string() })),
});

test('every value with positions in it comes back as it was', () => {
  fc.assert(
    fc.property(observation, (value) => {
      expect(decodeJson(encodeJson(value))).toEqual({ ok: true, value });
    }),
  );
});

test('positions are written as PostgreSQL writes them', () => {
  expect(encodeJson({ lsn: 0x16_b374_d848n })).toBe('{"lsn":"16/B374D848"}');
});

test.each(['', ' \n', '{"lsn":', '{"lsn":"nonsense"}', '{"flush_lsn":""}', '\0\0\0\0'])('%j is refused', (text) => {
  const decoded = decodeJson(text);
  expect(decoded.ok ? null : decoded.error.code).toBe('state_unreadable');
});
