import fc from 'fast-check';
import { expect, test } from 'vitest';
import { wrap } from '../../src/report/wrap.js';

test.each([
  ['  one two three four', 12, '  one two\n    three\n    four'],
  ['short', 80, 'short'],
  ['  averyveryverylongword x', 8, '  averyveryverylongword\n    x'],
  ['', 10, ''],
  ['one two', Infinity, 'one two'],
])('%j in %d columns', (text, width, expected) => {
  expect(wrap(text, width)).toBe(expected);
});

test('no word is lost, and no line is longer than it may be unless one word is', () => {
  const word = fc.stringMatching(/^[a-z]{1,12}$/);
  fc.assert(
    fc.property(fc.array(word), fc.nat(4), fc.integer({ min: 1, max: 40 }), (words, indent, width) => {
      const lines = wrap(' '.repeat(indent) + words.join(' '), width).split('\n');
      expect(lines.flatMap((line) => line.trim().split(' ')).filter((one) => one !== '')).toEqual(words);
      for (const line of lines) expect(line.length <= width || !line.trim().includes(' ')).toBe(true);
    }),
  );
});
