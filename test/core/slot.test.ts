import fc from 'fast-check';
import { expect, it, test } from 'vitest';
import { slotName } from '../../src/core/slot.js';

it.each([
  ['db2', 'handyrep_db2'],
  ['DB-2.example', 'handyrep_db_2_example'],
  ['größe', 'handyrep_gr__e'],
])('%s has the slot %s', (server, slot) => {
  expect(slotName(server)).toBe(slot);
});

test('PostgreSQL takes any of them', () => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (name) => /^[a-z0-9_]{1,63}$/.test(slotName(name))));
});
