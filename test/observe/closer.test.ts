import { describe, expect, test } from 'vitest';
import { fail, ok } from '../../src/core/outcome.js';
import { LOOK_AT_HOST_SCRIPT } from '../../src/io/scripts.js';
import { type CloserOptions, answersOf, askAgain, askCloser, readHistory } from '../../src/observe/closer.js';
import type { CommandResult, HostPort, SqlPort } from '../../src/plugin/contract.js';
import type { Outcome } from '../../src/core/outcome.js';
import { lsn, observation, serverDef } from '../core/build.js';

/** A master's host whose every look is answered when the test says so; replicas' hosts answer at once. */
function closerLooks(): {
  readonly options: CloserOptions;
  readonly answer: (index: number, how: 'silence' | 'running') => void;
  readonly asked: () => number;
} {
  const waiting: ((answer: Outcome<CommandResult>) => void)[] = [];
  const said = (stdout: string): Outcome<CommandResult> => ok({ exit_code: 0, stdout, stderr: '' });
  const script: HostPort['script'] = (server, text) => {
    if (server.name !== 'db1' || text !== LOOK_AT_HOST_SCRIPT) return Promise.resolve(said('port=cannot_reach\n'));
    return new Promise((resolve) => waiting.push(resolve));
  };
  const hosts = { script } as unknown as HostPort;
  const poll = async () => ({ reach: observation('db2', 'accepting').reach, facts: null });
  const options: CloserOptions = {
    light: { poll, context: {} as CloserOptions['light']['context'], deadline: 1000 },
    hosts,
    master: serverDef('db1'),
    replicas: [serverDef('db2')],
    timeout: 1000,
    signal: new AbortController().signal,
  };
  const answer = (index: number, how: 'silence' | 'running'): void =>
    waiting[index]?.(
      how === 'silence' ? fail('ssh_connect', 'no route') : said(`postmaster=${(index + 1).toString()}\n`),
    );
  return { options, answer, asked: () => waiting.length };
}

test.each([
  [
    'a host that was still being asked and gave no answer: that silence is taken, and nobody waits for the second question',
    { first: 'silence', second: null },
    { kind: 'no_answer' },
  ],
  [
    'a host that was still being asked and answered: it is asked again',
    { first: 'running', second: 'running' },
    { postmaster: { pid: 2 } },
  ],
  [
    'a host that answers the second question before the first: it is back',
    { first: null, second: 'running' },
    { postmaster: { pid: 2 } },
  ],
] as const)('%s', async (_, { first, second }, host) => {
  const { options, answer, asked } = closerLooks();
  const before = askCloser(options);
  const again = answersOf(askAgain(before, options));
  expect(asked()).toBe(2);
  if (first !== null) answer(0, first);
  if (second !== null) answer(1, second);
  expect(await again).toMatchObject({ host, witnesses: [{ server: 'db2', port: 'cannot_reach' }] });
});

test('silence that was over before the second closer look began is old: the second question is waited for', async () => {
  const { options, answer } = closerLooks();
  const before = askCloser(options);
  answer(0, 'silence');
  expect(await answersOf(before)).toMatchObject({ host: { kind: 'no_answer' } });
  const again = answersOf(askAgain(before, options));
  answer(1, 'running');
  expect(await again).toMatchObject({ host: { postmaster: { pid: 2 } } });
});

describe('the history of the newest timeline', () => {
  const fork = (at: number) => ({ timeline: 2, forks: [{ timeline: 1, lsn: lsn(at) }] });
  const on = (name: string, timeline: number) => ({ def: serverDef(name), timeline });

  test.each([
    ['is asked of nobody where all are on it', [on('db2', 2), on('db3', 2)], {}, [], null, []],
    ['is told by who is on it', [on('db2', 1), on('db3', 2)], { db3: 5 }, ['db2', 'db3'], 5, ['db3']],
    ['is told by a standby before it, too', [on('db2', 1), on('db3', 1)], { db2: 5 }, ['db2', 'db3'], 5, ['db2']],
    [
      'is held by all who tell the same',
      [on('db2', 1), on('db3', 2)],
      { db2: 5, db3: 5 },
      ['db2', 'db3'],
      5,
      ['db3', 'db2'],
    ],
    [
      'is that of who is on it, where two differ',
      [on('db2', 1), on('db3', 2)],
      { db2: 4, db3: 5 },
      ['db2', 'db3'],
      5,
      ['db3'],
    ],
    ['is not known where nobody tells it', [on('db2', 1)], {}, ['db2'], null, []],
  ] as const)('%s', async (_, timelines, told, asked, at, held) => {
    const questions: string[] = [];
    const timelineHistory: SqlPort['timelineHistory'] = ({ name }) => {
      questions.push(name);
      const known = (told as Readonly<Record<string, number>>)[name];
      return Promise.resolve(known === undefined ? fail('sql_query', 'it has no such file') : ok(fork(known)));
    };
    const answer = await readHistory({ timelineHistory } as unknown as SqlPort, timelines, 2);
    expect(questions.sort()).toEqual(asked);
    expect(answer).toEqual({ history: at === null ? null : fork(at), history_held_by: held });
  });
});
