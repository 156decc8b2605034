import { expect, test } from 'vitest';
import { type Notice, type ToldNotice, judgeNotices } from '../../src/core/alert-notice.js';

const MINUTE = 60_000;
const START = Date.parse('2026-03-01T12:00:00.000Z');
const POLICY = { repeat: 5 * MINUTE, longest: 20 * MINUTE };

function notice(message: string, more: Partial<Notice> = {}): Notice {
  return { category: 'STATE', server: null, message, recurring: true, ...more };
}

/** At which minutes people are told, when these are raised. */
function story(raised: readonly (readonly [number, Notice])[], policy = POLICY): readonly number[] {
  let told: readonly ToldNotice[] = [];
  return raised.flatMap(([minute, one]) => {
    const verdict = judgeNotices(told, [one], START + minute * MINUTE, policy);
    ({ told } = verdict);
    return verdict.alerts.map(() => minute);
  });
}

const every = (minutes: readonly number[], message: (minute: number) => string) =>
  minutes.map((minute) => [minute, notice(message(minute))] as const);

test.each<{ when: string; raised: readonly (readonly [number, Notice])[]; told: readonly number[] }>([
  { when: 'once', raised: [[0, notice('full')]], told: [0] },
  {
    when: 'in every run: growing pauses',
    raised: every([0, 1, 2, 3, 4, 5, 6, 10, 14, 15, 20, 30, 35, 50, 55], () => 'full'),
    told: [0, 5, 15, 35, 55],
  },
  {
    when: 'the same but for numbers, times and positions',
    raised: every([0, 1], (minute) => `at 0/3${minute}000D8 after ${minute}.5 s of 2026-03-01T12:0${minute}:00.000Z`),
    told: [0],
  },
  {
    when: 'the same but for a position that begins with letters, and for the hour',
    raised: [
      [0, notice('at AB/CDE since 2026-03-01T12:00:00.000Z')],
      [1, notice('at CAFE/3F since 2026-03-01T13:00:00.000Z')],
      [2, notice('at 0/FEED since 2026-03-02T01:30:00Z')],
    ],
    told: [0],
  },
  {
    when: 'the same of another server',
    raised: [
      [0, notice('full', { server: 'db2' })],
      [1, notice('full', { server: 'db3' })],
      [2, notice('full', { server: 'db2' })],
    ],
    told: [0, 1],
  },
  {
    when: 'of another server',
    raised: [
      [0, notice('db2 is lost', { server: 'db2' })],
      [1, notice('db3 is lost', { server: 'db3' })],
    ],
    told: [0, 1],
  },
  {
    when: 'names that end in a digit are not numbers',
    raised: [
      [0, notice('db2 is lost')],
      [1, notice('db3 is lost')],
    ],
    told: [0, 1],
  },
  {
    when: 'again after a long quiet',
    raised: [
      [0, notice('full')],
      [5, notice('full')],
      [60, notice('full')],
      [64, notice('full')],
      [65, notice('full')],
    ],
    told: [0, 5, 60, 65],
  },
  {
    when: 'a success is told each time',
    raised: [
      [0, notice('done', { recurring: false })],
      [1, notice('done', { recurring: false })],
    ],
    told: [0, 1],
  },
  {
    when: 'the clock goes back',
    raised: [
      [60, notice('full')],
      [0, notice('full')],
    ],
    told: [60, 0],
  },
])('$when', ({ raised, told }) => {
  expect(story(raised)).toEqual(told);
});

test('repeat 0 still does not tell it in every run', () => {
  const never = { repeat: 0, longest: 0 };
  expect(
    story(
      every([0, 1, 2, 3, 4, 5], () => 'full'),
      never,
    ),
  ).toEqual([0, 5]);
});

test('a pause that is shorter than five minutes is obeyed', () => {
  const soon = { repeat: MINUTE, longest: 2 * MINUTE };
  expect(
    story(
      every([0, 0.5, 1, 2, 3, 4, 5], () => 'full'),
      soon,
    ),
  ).toEqual([0, 1, 3, 5]);
});

test('a notice never ends the trouble of a server', () => {
  const { alerts } = judgeNotices([], [notice('full', { server: 'db2' })], START, POLICY);
  expect(alerts).toEqual([
    {
      kind: 'notice',
      category: 'STATE',
      server: 'db2',
      message: 'full',
      recovery: false,
      subject: null,
      status: null,
      since: null,
      duration_ms: null,
    },
  ]);
});

test('only so many are remembered', () => {
  const many = Array.from({ length: 500 }, (_, n) => notice(`db${n} is lost`));
  const verdict = judgeNotices([], many, START, POLICY);
  expect(verdict.alerts).toHaveLength(500);
  expect(verdict.told).toHaveLength(100);
});
