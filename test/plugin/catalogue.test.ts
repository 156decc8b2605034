import { expect, it } from 'vitest';
import { BUILT_IN } from '../../src/plugin/builtin.js';
import { builtInsOf, CATALOGUE, fitsKind, isBuilt, isBuiltIn } from '../../src/plugin/catalogue.js';

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
  expect(builtInsOf('fence_method')).toEqual(['fence_command']);
  // Reserved names are known, and not offered.
  expect(isBuiltIn('rejoin_rewind')).toBe(true);
  expect(builtInsOf('rejoin_method')).toEqual(['rejoin_rewind', 'rejoin_reclone']);
});

it('says of each plugin whether this version has it', () => {
  const has = Object.keys(CATALOGUE).filter((name) => isBuiltIn(name) && isBuilt(name));
  expect(has.sort()).toEqual(Object.keys(BUILT_IN).sort());
});
