import { describe, expect, test } from 'vitest';
import { type OpenAlert, type Watched, judgeAlerts, watchedIn } from '../../src/core/alert.js';
import type { SavedState } from '../../src/core/model.js';
import { emptyState } from '../../src/core/saved.js';
import { fullState } from './saved-example.js';

const MINUTE = 60_000;
const START = Date.parse('2026-03-01T12:00:00.000Z');
const POLICY = { repeat: 5 * MINUTE, longest: 20 * MINUTE };
const LEVEL = { healthy: 0, lagged: 1, warning: 2, down: 4 } as const;
type Name = keyof typeof LEVEL;

function seen(status: Name, more: Partial<Watched> = {}): Watched {
  return {
    subject: 'server db2',
    server: 'db2',
    status,
    level: LEVEL[status],
    message: `is ${status}`,
    covered: false,
    ...more,
  };
}

/** What is told when this is seen at these minutes. */
function story(looks: readonly (readonly [number, Name | 'disabled'])[], policy = POLICY): readonly string[] {
  let open: readonly OpenAlert[] = [];
  const told: string[] = [];
  for (const [minute, status] of looks) {
    const verdict = judgeAlerts(open, status === 'disabled' ? [] : [seen(status)], START + minute * MINUTE, policy);
    ({ open } = verdict);
    told.push(...verdict.alerts.map(({ kind, status: said }) => `${minute} ${kind} ${said ?? ''}`));
  }
  return told;
}

describe('what people are told of one server', () => {
  test.each<{ when: string; looks: readonly (readonly [number, Name | 'disabled'])[]; told: readonly string[] }>([
    {
      when: 'all is well',
      looks: [
        [0, 'healthy'],
        [9, 'healthy'],
      ],
      told: [],
    },
    {
      when: 'it fails and recovers',
      looks: [
        [0, 'down'],
        [1, 'down'],
        [2, 'healthy'],
        [3, 'healthy'],
      ],
      told: ['0 failure down', '2 recovery healthy'],
    },
    {
      when: 'it stays down: pauses double up to the longest',
      looks: [0, 4, 5, 14, 15, 34, 35, 54, 55, 74, 75].map((minute) => [minute, 'down'] as const),
      told: ['0 failure down', '5 repeat down', '15 repeat down', '35 repeat down', '55 repeat down', '75 repeat down'],
    },
    {
      when: 'no look is made for long: one repeat, not all that were missed',
      looks: [
        [0, 'down'],
        [500, 'down'],
        [501, 'down'],
      ],
      told: ['0 failure down', '500 repeat down'],
    },
    {
      when: 'it becomes worse: at once',
      looks: [
        [0, 'lagged'],
        [1, 'down'],
      ],
      told: ['0 failure lagged', '1 failure down'],
    },
    {
      when: 'it becomes better: at once',
      looks: [
        [0, 'down'],
        [1, 'lagged'],
        [2, 'healthy'],
      ],
      told: ['0 failure down', '1 change lagged', '2 recovery healthy'],
    },
    {
      when: 'it flaps: not each time, and the truth within a pause',
      looks: [
        [0, 'down'],
        [1, 'healthy'],
        [2, 'down'],
        [3, 'healthy'],
        [4, 'down'],
        [5, 'down'],
        [6, 'down'],
        [7, 'healthy'],
      ],
      told: ['0 failure down', '1 recovery healthy', '6 failure down', '7 recovery healthy'],
    },
    {
      when: 'it flaps and becomes worse than anybody was told: at once',
      looks: [
        [0, 'lagged'],
        [1, 'healthy'],
        [2, 'down'],
      ],
      told: ['0 failure lagged', '1 recovery healthy', '2 failure down'],
    },
    {
      when: 'it fails again long after',
      looks: [
        [0, 'down'],
        [1, 'healthy'],
        [7, 'healthy'],
        [8, 'down'],
      ],
      told: ['0 failure down', '1 recovery healthy', '8 failure down'],
    },
    {
      when: 'it fails again and nobody looked in between',
      looks: [
        [0, 'down'],
        [1, 'healthy'],
        [90, 'down'],
      ],
      told: ['0 failure down', '1 recovery healthy', '90 failure down'],
    },
    {
      when: 'it is disabled',
      looks: [
        [0, 'down'],
        [1, 'disabled'],
        [2, 'disabled'],
      ],
      told: ['0 failure down', '1 closed down'],
    },
    {
      when: 'it is disabled when all is well again',
      looks: [
        [0, 'down'],
        [1, 'healthy'],
        [2, 'disabled'],
      ],
      told: ['0 failure down', '1 recovery healthy'],
    },
    {
      when: 'the clock goes back',
      looks: [
        [60, 'down'],
        [0, 'down'],
        [1, 'down'],
      ],
      told: ['60 failure down', '0 repeat down'],
    },
    {
      when: 'the clock goes back, and it fails again',
      looks: [
        [60, 'down'],
        [61, 'healthy'],
        [0, 'down'],
      ],
      told: ['60 failure down', '61 recovery healthy', '0 failure down'],
    },
  ])('$when', ({ looks, told }) => {
    expect(story(looks)).toEqual(told);
  });

  test('repeat 0 repeats nothing, and flapping is damped all the same', () => {
    const never = { repeat: 0, longest: 0 };
    expect(
      story(
        [
          [0, 'down'],
          [999, 'down'],
          [1000, 'healthy'],
        ],
        never,
      ),
    ).toEqual(['0 failure down', '1000 recovery healthy']);
    expect(
      story(
        [
          [0, 'down'],
          [1, 'healthy'],
          [2, 'down'],
          [7, 'down'],
        ],
        never,
      ),
    ).toEqual(['0 failure down', '1 recovery healthy', '7 failure down']);
  });

  test.each([
    [1, 2],
    [60, 6],
  ])('what comes again is told after the pause, and after five minutes at most: %d', (repeat, told) => {
    const looks = [0, 1, 1.5, 2, 3, 4, 5, 6, 7, 8, 60].map(
      (minute, index) => [minute, index === 1 ? 'healthy' : 'down'] as const,
    );
    const policy = { repeat: repeat * MINUTE, longest: 600 * MINUTE };
    expect(story(looks, policy).slice(0, 3)).toEqual(['0 failure down', '1 recovery healthy', `${told} failure down`]);
  });

  test('the words say how long, how often, and what it was', () => {
    const say = (open: readonly OpenAlert[], status: Name, minute: number) =>
      judgeAlerts(open, [seen(status)], START + minute * MINUTE, POLICY);
    const first = say([], 'down', 0);
    const still = say(first.open, 'down', 5);
    const better = say(still.open, 'lagged', 6);
    const well = say(better.open, 'healthy', 7.5);
    const again = say(well.open, 'down', 12.5);
    expect([first, still, better, well, again].flatMap(({ alerts }) => alerts.map(({ message }) => message))).toEqual([
      'db2 is down: is down',
      'db2 is still down, for 5 m: is down',
      'db2 is lagged, no longer down, 6 m after it began: is lagged',
      'db2 is healthy again after 7 m 30 s: is healthy',
      'db2 is down (2 times within 12 m 30 s): is down',
    ]);
    expect(
      [first, still, better, well].flatMap(({ alerts }) => alerts.map((one) => [one.category, one.recovery])),
    ).toEqual([
      ['FAILURE', false],
      ['FAILURE', false],
      ['RECOVERY', false],
      ['RECOVERY', true],
    ]);
    const gone = judgeAlerts(still.open, [], START + 9 * MINUTE, POLICY).alerts;
    expect(gone).toMatchObject([{ category: 'RECOVERY', recovery: true, duration_ms: 9 * MINUTE }]);
    expect(gone[0]?.message).toBe('db2 is no longer watched (disabled or removed); it was down for 9 m');
    // Well for longer than what counts as one trouble: the next one is another.
    const calm = say(say(well.open, 'healthy', 12.6).open, 'down', 13);
    expect(calm.alerts.map(({ message }) => message)).toEqual(['db2 is down: is down']);
    expect(well.alerts[0]).toMatchObject({
      recovery: true,
      category: 'RECOVERY',
      duration_ms: 450_000,
      since: '2026-03-01T12:00:00.000Z',
    });
  });
});

describe('the cluster', () => {
  const cluster = (status: Name, covered: boolean): Watched =>
    seen(status, { subject: 'cluster', server: null, covered });
  const kinds = (open: readonly OpenAlert[], watched: readonly Watched[], minute: number) => {
    const verdict = judgeAlerts(open, watched, START + minute * MINUTE, POLICY);
    return { open: verdict.open, said: verdict.alerts.map(({ subject, kind }) => `${subject ?? ''} ${kind}`) };
  };

  test('a warning that only repeats a server is not told twice; one that stands alone is', () => {
    const both = kinds([], [seen('down'), cluster('warning', true)], 0);
    expect(both.said).toEqual(['server db2 failure']);
    const alone = kinds(both.open, [seen('healthy'), cluster('warning', false)], 1);
    expect(alone.said).toEqual(['server db2 recovery', 'cluster failure']);
    // Open already, it is not forgotten, and did not recover, when a server fails too.
    const covered = kinds(alone.open, [seen('healthy'), cluster('warning', true)], 2);
    expect(covered.said).toEqual([]);
    expect(covered.open.map(({ subject, known }) => [subject, known])).toContainEqual(['cluster', 2]);
  });
});

describe('what there is to be told of in a saved state', () => {
  test('nothing in one that was never looked at', () => {
    const def = Object.values(fullState().servers).map((one) => one.def);
    expect(watchedIn(emptyState('app', def, '2026-03-01T12:00:00.000Z'))).toEqual([]);
  });

  test('enabled servers and the cluster', () => {
    const [name = ''] = Object.keys(fullState().servers);
    const server = fullState().servers[name];
    if (server === undefined) throw new Error('the example has no server');
    const status = {
      status: 'down',
      status_no: 5,
      status_ts: '2026-03-01T12:00:00.000Z',
      status_message: 'refused',
    } as const;
    const state = {
      ...fullState(),
      servers: { [name]: { ...server, status, def: { ...server.def, enabled: true } } },
    };
    const warning = { ...status, status: 'warning', status_no: 3 } as const;
    expect(watchedIn({ ...state, cluster: warning })).toEqual([
      { subject: `server ${name}`, server: name, status: 'down', level: 4, message: 'refused', covered: false },
      { subject: 'cluster', server: null, status: 'warning', level: 2, message: 'refused', covered: true },
    ]);
    // That the cluster has no master is never said by a server that is down.
    const covered = (one: Partial<SavedState>) => watchedIn({ ...state, ...one }).at(-1)?.covered;
    expect(covered({ cluster: { ...status, status: 'down' } })).toBe(false);
    const healthy = {
      ...server,
      status: { ...status, status: 'healthy' },
      def: { ...server.def, enabled: true },
    } as const;
    expect(covered({ cluster: warning, servers: { [name]: healthy } })).toBe(false);
    const disabled = { ...state, servers: { [name]: { ...server, status, def: { ...server.def, enabled: false } } } };
    expect(watchedIn({ ...disabled, cluster: warning }).map(({ subject, covered }) => [subject, covered])).toEqual([
      ['cluster', false],
    ]);
  });
});
