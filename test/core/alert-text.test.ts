import { expect, test } from 'vitest';
import type { Alert, AlertKind } from '../../src/core/alert.js';
import { alertBody, alertEnvironment, alertTitle } from '../../src/core/alert-text.js';

function alert(kind: AlertKind, message: string): Alert {
  return {
    id: '1-r-0',
    kind,
    at: '2026-03-01T12:00:00.000Z',
    subject: 'server db2',
    server: 'db2',
    category: 'FAILURE',
    message,
    recovery: kind === 'recovery' || kind === 'closed',
    status: 'down',
    since: '2026-03-01T11:00:00.000Z',
    duration_ms: 3_600_000,
    run: 'r',
  };
}

test.each<[AlertKind, string, string]>([
  ['failure', 'db2 is down: refused: ECONNREFUSED', '[app] ALERT db2 is down'],
  ['change', 'db2 is lagged, no longer down: 3 MB', '[app] ALERT db2 is lagged, no longer down'],
  ['repeat', 'db2 is still down, for 1 h: refused', '[app] STILL db2 is still down, for 1 h'],
  ['recovery', 'db2 is healthy again after 1 h: streams', '[app] OK db2 is healthy again after 1 h'],
  ['closed', 'db2 is no longer watched', '[app] OK db2 is no longer watched'],
  ['notice', 'failed over from db1 to db2,\nloss none', '[app] NOTICE failed over from db1 to db2, loss none'],
  ['notice', 'x'.repeat(200), `[app] NOTICE ${'x'.repeat(149)}…`],
])('the title of a %s', (kind, message, title) => {
  expect(alertTitle('app', alert(kind, message))).toBe(title);
});

test('a mail says everything', () => {
  const body = alertBody('app', alert('failure', 'db2 is down: refused'));
  expect(body.split('\n').slice(0, 6)).toEqual([
    'db2 is down: refused',
    '',
    'cluster  app',
    'server   db2',
    'status   down',
    'since    2026-03-01T11:00:00.000Z',
  ]);
});

test('a program gets a variable for each field, without what no variable can hold', () => {
  const env = alertEnvironment('app', { ...alert('failure', 'a\0b'), server: null });
  expect(env).toMatchObject({
    HANDYREP_CLUSTER: 'app',
    HANDYREP_SERVER: '',
    HANDYREP_MESSAGE: 'ab',
    HANDYREP_DURATION_MS: '3600000',
  });
});
