import { expect, it } from 'vitest';
import { builtInsOf, fitsKind, isBuiltIn } from '../../src/plugin/catalogue.js';

it.each([
  ['poll_connect', 'poll_method', true],
  ['poll_connect', 'restart_method', false],
  ['successplugin', 'restart_method', true],
  ['successplugin', 'clone_method', true],
  ['failplugin', 'extra_command', true],
  ['successplugin', 'selection_method', false],
  ['successplugin', 'poll_method', false],
  ['successplugin', 'master_check_method', false],
] as const)('%s as a %s: %s', (name, kind, fits) => {
  expect(fitsKind(name, kind)).toBe(fits);
});

it('knows only its own names', () => {
  expect(isBuiltIn('poll_connect')).toBe(true);
  expect(isBuiltIn('toString')).toBe(false);
  expect(builtInsOf('rejoin_method')).toEqual(['rejoin_rewind', 'rejoin_reclone']);
});
