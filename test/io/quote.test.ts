import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { quoteArg, quoteArgs } from '../../src/io/quote.js';

/** What a command would be given, each argument ended by a NUL. */
function throughShell(argv: readonly string[]): string[] {
  const line = `for one in ${quoteArgs(argv)}; do printf '%s\\0' "$one"; done`;
  return execFileSync('/bin/sh', ['-c', line], { encoding: 'utf8' }).split('\0').slice(0, -1);
}

const argument = fc
  .oneof(
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: fc.constantFrom("'", '"', '\\', '$', '`', '\n', ' ', '-', '*', '!', '#', '~', '\r', 'ä') }),
  )
  .filter((text) => !text.includes('\0'));

test('quoting survives /bin/sh', () => {
  fc.assert(
    fc.property(fc.array(argument, { minLength: 1, maxLength: 8 }), (argv) => {
      expect(throughShell(argv)).toEqual(argv);
    }),
    { numRuns: 60 },
  );
});

test.each([[''], ['-rf'], ["it's"], ['a\nb\n'], ['$(id)'], ['ü€😀'], [' lead and trail '], ['\\'], ["''"]])(
  '%j survives',
  (text) => {
    expect(throughShell([text])).toEqual([text]);
  },
);

test('a NUL is refused', () => {
  expect(() => quoteArg('a\0b')).toThrow(RangeError);
});
