import { expect, test } from 'vitest';
import { GLOBAL_FLAGS } from '../../src/commands/program.js';
import { commandWord } from '../../src/launch/command-word.js';

test.each([
  [['status'], 'status'],
  [['--json', '-c', 'poll', 'verify', 'db1'], 'verify'],
  [['--config', 'x', '--lock-wait', '5s', '-q', 'failover-check', '--for', '55s'], 'failover-check'],
  [['--config=x', 'status'], 'status'],
  [['--version'], 'none'],
  [[], 'none'],
  [['-c'], 'none'],
  [['--help', 'status'], 'none'],
  [['-V', 'status'], 'none'],
  [['-qv', 'status'], 'none'],
  [['--colour', 'status'], 'none'],
  [['--json=x', 'status'], 'none'],
  [['../../etc/passwd'], 'none'],
  [['-'], 'none'],
  [['x'.repeat(200)], 'none'],
])('%j is %s', (argv, word) => {
  expect(commandWord(argv)).toBe(word);
});

test('every global option may stand before the command', () => {
  for (const flags of GLOBAL_FLAGS) {
    const [names = '', value] = flags.split(' <');
    for (const name of names.split(', ')) {
      expect(commandWord([name, ...(value === undefined ? [] : ['value']), 'status'])).toBe('status');
      if (name.startsWith('--') && value !== undefined) expect(commandWord([`${name}=value`, 'status'])).toBe('status');
    }
  }
});
