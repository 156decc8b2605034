import fc from 'fast-check';
import { expect, it, test } from 'vitest';
import { didYouMean, editDistance, suggest } from '../../src/core/suggest.js';

it.each([
  ['poll_intervall', ['poll_interval', 'poll_method'], 'poll_interval'],
  ['Poll-Interval', ['poll_interval', 'poll_method'], 'poll_interval'],
  ['fialover', ['failover', 'servers'], 'failover'],
  ['bd1', ['db1', 'db2'], 'db1'],
  ['db3', ['db1', 'db2'], 'db1'],
  ['xyzzy', ['failover', 'servers'], null],
  ['x', [], null],
  ['', ['db1'], null],
])('%s among %j is %j', (word, candidates, found) => {
  expect(suggest(word, candidates)).toBe(found);
});

it('asks, or says nothing', () => {
  expect(didYouMean('mastr', ['master', 'replica'])).toBe('did you mean master?');
  expect(didYouMean('xyzzy', ['master', 'replica'])).toBeNull();
});

it.each([
  ['', '', 0],
  ['', 'abc', 3],
  ['abc', 'abd', 1],
  ['abc', 'acb', 1],
  ['abc', 'ab', 1],
  ['kitten', 'sitting', 3],
])('%j to %j is %i edits', (a, b, edits) => {
  expect(editDistance(a, b)).toBe(edits);
});

test('the distance is the same both ways, and 0 only to itself', () => {
  const word = fc.string({ maxLength: 12 });
  fc.assert(fc.property(word, word, (a, b) => editDistance(a, b) === editDistance(b, a)));
  fc.assert(fc.property(word, word, (a, b) => (editDistance(a, b) === 0) === (a === b)));
});
