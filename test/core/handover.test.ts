import { expect, it } from 'vitest';
import { holdsShutdown, reached } from '../../src/core/handover.js';
import type { SqlFacts } from '../../src/core/observation.js';
import { factsOf, lsn } from './build.js';

/** The shutdown checkpoint's record, 120 bytes long, begins here. */
const AT = 0x5000100;
const LAST = { timeline: 1, lsn: lsn(AT) };

it.each<[string, boolean, Partial<SqlFacts>]>([
  ['replayed the record', true, { receive_lsn: lsn(AT + 120), replay_lsn: lsn(AT + 120) }],
  ['received the record, replay is behind', true, { receive_lsn: lsn(AT + 120), replay_lsn: lsn(AT - 64) }],
  [
    'replayed it, and the received position is not known after a restart',
    true,
    { receive_lsn: null, replay_lsn: lsn(AT + 120) },
  ],
  ['stands before the record', false, { receive_lsn: lsn(AT), replay_lsn: lsn(AT) }],
  ['has one record less', false, { receive_lsn: lsn(AT - 64), replay_lsn: lsn(AT - 64) }],
  [
    'received up to the border of a page, perhaps in the middle of the record',
    false,
    { receive_lsn: lsn(0x5002000), replay_lsn: lsn(AT) },
  ],
  [
    'received up to the border of a page, and replayed past the beginning',
    true,
    { receive_lsn: lsn(0x5002000), replay_lsn: lsn(0x5002000) },
  ],
  ['is on another timeline', false, { timeline: 2, receive_lsn: lsn(AT + 120), replay_lsn: lsn(AT + 120) }],
  ['tells no timeline', false, { timeline: null, receive_lsn: lsn(AT + 120), replay_lsn: lsn(AT + 120) }],
  ['tells no position', false, { receive_lsn: null, replay_lsn: null }],
])('a candidate that %s: %s', (_, expected, change) => {
  expect(holdsShutdown(factsOf('replica', change), LAST)).toBe(expected);
});

it('a server that is no replica, or says nothing, proves nothing', () => {
  expect(holdsShutdown(factsOf('master', { replay_lsn: lsn(AT + 120) }), LAST)).toBe(false);
  expect(holdsShutdown(null, LAST)).toBe(false);
});

it.each<[string, SqlFacts | null, number | null]>([
  ['nothing is known', null, null],
  ['it has received more than it has replayed', factsOf('replica', { receive_lsn: lsn(9), replay_lsn: lsn(7) }), 9],
  [
    'it has replayed more than it has received since it started',
    factsOf('replica', { receive_lsn: null, replay_lsn: lsn(7) }),
    7,
  ],
])('how far a replica is: %s', (_, facts, expected) => {
  expect(reached(facts)).toBe(expected === null ? null : lsn(expected));
});
