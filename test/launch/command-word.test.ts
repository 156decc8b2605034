import { expect, test } from 'vitest';
import { commandWord } from '../../src/launch/command-word.js';

test.each([
  [['status'], 'status'],
  [['--json', '-c', 'poll', 'verify', 'db1'], 'verify'],
  [['--config', 'x', '--lock-wait', '5s', '-q', 'failover-check', '--for', '55s'], 'failover-check'],
  [['--config=x', 'status'], 'status'],
  [['--version'], 'none'],
  [[], 'none'],
  [['-c'], 'none'],
  [['../../etc/passwd'], 'none'],
  [['x'.repeat(200)], 'none'],
])('%j is %s', (argv, word) => {
  expect(commandWord(argv)).toBe(word);
});
