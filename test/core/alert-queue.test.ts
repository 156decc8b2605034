import { describe, expect, test } from 'vitest';
import type { Alert } from '../../src/core/alert.js';
import { type Queue, claim, enqueue, settle } from '../../src/core/alert-queue.js';

const START = Date.parse('2026-03-01T12:00:00.000Z');
const SECOND = 1000;
const LEASE = 20 * SECOND;
const NOTHING: Queue = { queue: [], troubles: [] };

function alert(id: string, more: Partial<Alert> = {}): Alert {
  const at = new Date(more.at === undefined ? START : Date.parse(more.at)).toISOString();
  const none = { server: null, status: null, since: null, duration_ms: null };
  return {
    id,
    kind: 'failure',
    subject: 'cluster',
    category: 'FAILURE',
    message: id,
    recovery: false,
    run: 'r',
    ...none,
    ...more,
    at,
  };
}

const ids = (queue: Queue): readonly string[] => queue.queue.map((one) => `${one.method} ${one.alert.id}`);
const due = (queue: Queue, after = 0) => claim(queue, START + after * SECOND, LEASE).due.map((one) => one.alert.id);

/** A queue whose method failed at its first alert, this often, at the start. */
function inTrouble(alerts: readonly Alert[], failures: number): Queue {
  const taken = alerts.map(({ id }) => id);
  const failed = taken[0] ?? null;
  let queue = enqueue(NOTHING, alerts, ['mail'], START);
  for (let n = 0; n < failures; n++) queue = settle(queue, [{ method: 'mail', taken, sent: [], failed }], START);
  return queue;
}

describe('what is queued', () => {
  test('each alert for each method', () => {
    expect(ids(enqueue(NOTHING, [alert('a'), alert('b')], ['mail', 'chat'], START))).toEqual([
      'mail a',
      'mail b',
      'chat a',
      'chat b',
    ]);
  });

  test('no more for a method that is no longer configured, nor what is a day old', () => {
    const queue = enqueue(NOTHING, [alert('a')], ['mail', 'chat'], START);
    expect(ids(enqueue(queue, [], ['chat'], START))).toEqual(['chat a']);
    expect(ids(enqueue(queue, [alert('b', { at: '2026-03-02T12:00:00.000Z' })], ['chat'], START + 86_400_000))).toEqual(
      ['chat b'],
    );
  });

  test('a repeat that was not sent makes place for what is newer of its subject', () => {
    const queue = enqueue(
      NOTHING,
      [alert('a'), alert('b', { kind: 'repeat' }), alert('c', { kind: 'repeat', subject: 'server db2' })],
      ['mail'],
      START,
    );
    expect(ids(enqueue(queue, [alert('d', { kind: 'repeat' })], ['mail'], START))).toEqual([
      'mail a',
      'mail c',
      'mail d',
    ]);
    expect(ids(enqueue(queue, [alert('d', { kind: 'recovery' })], ['mail'], START))).toEqual([
      'mail a',
      'mail c',
      'mail d',
    ]);
    const two = [alert('d', { kind: 'repeat' }), alert('e', { subject: 'server db3' })];
    expect(ids(enqueue(queue, two, ['mail'], START))).toEqual(['mail a', 'mail c', 'mail d', 'mail e']);
    const sending = claim(queue, START, LEASE).queue;
    expect(ids(enqueue(sending, [alert('d', { kind: 'repeat' })], ['mail'], START))).toHaveLength(4);
  });

  test('the newest hundred for each method', () => {
    const many = Array.from({ length: 150 }, (_, n) => alert(String(n)));
    const { queue } = enqueue(NOTHING, many, ['mail', 'chat'], START);
    expect(queue).toHaveLength(200);
    expect(queue[0]?.alert.id).toBe('50');
  });
});

describe('what is sent', () => {
  test('oldest first; what another run is sending only when that was given up', () => {
    const { queue } = claim(enqueue(NOTHING, [alert('a'), alert('b')], ['mail'], START), START, LEASE);
    expect(due(enqueue(NOTHING, [alert('a'), alert('b')], ['mail'], START))).toEqual(['a', 'b']);
    expect(due(queue, 19)).toEqual([]);
    expect(due(queue, 20)).toEqual(['a', 'b']);
  });

  test.each([
    { failures: 1, before: 29, after: 30 },
    { failures: 2, before: 59, after: 60 },
    { failures: 3, before: 119, after: 120 },
    { failures: 12, before: 599, after: 600 },
  ])('a method that failed $failures times waits $after s', ({ failures, before, after }) => {
    const queue = inTrouble([alert('a')], failures);
    expect(due(queue, before)).toEqual([]);
    expect(due(queue, after)).toEqual(['a']);
  });

  test('something new is tried at once, with what is older, and only once', () => {
    const later = alert('b', { at: '2026-03-01T12:00:05.000Z' });
    const queue = enqueue(inTrouble([alert('a')], 3), [later], ['mail'], START + 5 * SECOND);
    expect(due(queue, 5)).toEqual(['a', 'b']);
    const again = settle(queue, [{ method: 'mail', taken: ['a', 'b'], sent: [], failed: 'a' }], START + 6 * SECOND);
    expect(due(again, 10)).toEqual([]);
  });

  test('the trouble of one method is none of the others, and what is new for them does not wake it', () => {
    const [old, fresh] = [alert('a'), alert('b', { at: '2026-03-01T12:00:05.000Z' })];
    const both = enqueue(NOTHING, [old], ['mail', 'chat'], START);
    const turn = { method: 'mail', taken: ['a'], sent: [], failed: 'a' };
    const troubled = settle(both, [turn, turn, { method: 'chat', taken: [], sent: [], failed: null }], START);
    expect(troubled.troubles).toMatchObject([{ method: 'mail', failures: 2 }]);
    const { queue } = enqueue(troubled, [fresh], ['mail', 'chat'], START);
    const forChat = { ...troubled, queue: queue.filter((one) => one.method === 'chat' || one.alert.id === 'a') };
    expect(
      claim(forChat, START + 10 * SECOND, LEASE).due.map(({ method, alert: { id } }) => `${method} ${id}`),
    ).toEqual(['chat a', 'chat b']);
    const worse = settle(troubled, [{ method: 'chat', taken: ['a'], sent: [], failed: 'a' }], START);
    expect(worse.troubles.map(({ method, failures }) => [method, failures])).toEqual([
      ['mail', 2],
      ['chat', 1],
    ]);
    expect(enqueue(worse, [], ['chat'], START).troubles).toMatchObject([{ method: 'chat' }]);
  });

  test('what failed five times goes last', () => {
    const queue = inTrouble([alert('poison'), alert('good')], 5);
    expect(due(queue, 3600)).toEqual(['good', 'poison']);
  });

  test('a clock that went back makes nobody wait', () => {
    expect(due(inTrouble([alert('a')], 9), -3600)).toEqual(['a']);
  });
});

describe('what is left', () => {
  test('what was not sent, and what other runs are sending', () => {
    const mine = claim(enqueue(NOTHING, [alert('a'), alert('b')], ['mail', 'chat'], START), START, LEASE).queue;
    const both = enqueue(mine, [alert('c')], ['mail', 'chat'], START);
    const left = settle(
      both,
      [
        { method: 'mail', taken: ['a', 'b'], sent: ['a', 'b'], failed: null },
        { method: 'chat', taken: ['a', 'b'], sent: ['a'], failed: 'b' },
      ],
      START,
    );
    expect(ids(left)).toEqual(['mail c', 'chat b', 'chat c']);
    expect(left.queue.map(({ tries, claimed }) => [tries, claimed])).toEqual([
      [0, null],
      [1, null],
      [0, null],
    ]);
    expect(left.troubles).toMatchObject([{ method: 'chat', failures: 1 }]);
    expect(
      settle(left, [{ method: 'chat', taken: ['b', 'c'], sent: ['b', 'c'], failed: null }], START).troubles,
    ).toEqual([]);
  });
});
