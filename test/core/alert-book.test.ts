import { expect, test } from 'vitest';
import { EMPTY_BOOK, formatAlertBook, parseAlertBook, takeNews } from '../../src/core/alert-book.js';

const NEWS = {
  run: 'r1',
  now: Date.parse('2026-03-01T12:00:00.000Z'),
  methods: ['mail', 'chat'],
  notices: [{ category: 'FAILOVER', server: null, message: 'done', recurring: false }],
  watched: [{ subject: 'server db2', server: 'db2', status: 'down', level: 4, message: 'refused', covered: false }],
  policy: { repeat: 1000, longest: 1000 },
};

test('a run brings what was done and how everything is, numbered', () => {
  const book = takeNews(EMPTY_BOOK, NEWS);
  expect(book.queue.map(({ method, alert }) => [method, alert.id, alert.message])).toEqual([
    ['mail', '1772366400000-r1-0', 'done'],
    ['mail', '1772366400000-r1-1', 'db2 is down: refused'],
    ['chat', '1772366400000-r1-0', 'done'],
    ['chat', '1772366400000-r1-1', 'db2 is down: refused'],
  ]);
  expect(parseAlertBook(formatAlertBook(book))).toEqual({ ok: true, value: book });
});

test('a run that has not looked closes nothing', () => {
  const book = takeNews(EMPTY_BOOK, NEWS);
  expect(takeNews(book, { ...NEWS, notices: [], watched: null })).toEqual(book);
});

test.each([
  ['', 'it is not JSON, or only a part of it'],
  ['{"format":1', 'it is not JSON, or only a part of it'],
  ['{"format":2,"open":[],"told":[],"queue":[],"troubles":[]}', 'format is not one of 1'],
  ['{"format":1,"open":[],"told":[],"queue":[{"method":1}],"troubles":[]}', 'queue[0].method is not text'],
])('%s is damaged', (text, message) => {
  expect(parseAlertBook(text)).toMatchObject({ ok: false, error: { message } });
});
