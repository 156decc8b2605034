import { expect, test } from 'vitest';
import { answer } from '../../src/core/answer.js';

/** Each pair ends in the same act, and sends the operator elsewhere. */
test.each([
  [{ kind: 'manager_cut_off' }, 'this host may be the one that is cut off'],
  [{ kind: 'resolver_failing' }, 'by a fault of its own'],
  [{ kind: 'foreign_master', master: 'db1' }, 'db1 is a server of another cluster'],
  [{ kind: 'master_in_recovery', master: 'db1' }, 'db1 is recorded as master and is in recovery'],
  [{ kind: 'master_starting', master: 'db1' }, 'db1 is starting up'],
  [{ kind: 'master_stopping', master: 'db1' }, 'db1 is shutting down'],
] as const)('%j: %s', (diagnosis, words) => {
  expect(answer(diagnosis)).toMatchObject({ action: { kind: 'none' }, alarm: true, success: false });
  expect(answer(diagnosis).details).toContain(words);
});
