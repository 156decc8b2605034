import { Chalk } from 'chalk';
import { expect, test } from 'vitest';
import { timetableText } from '../../src/report/timetable-text.js';

test('when each thing began and how long it took, in columns; what a server said cannot move the terminal', () => {
  const rows = [
    { what: 'db1 did not answer\u001b[2J a heartbeat', at: 0, ms: null },
    { what: 'first look', at: 505, ms: 3001 },
  ];
  const [sign, look] = timetableText(rows, new Chalk({ level: 0 }));
  expect(sign).not.toContain('\u001b');
  expect(look).toBe('     505 ms    3001 ms  first look');
});
