import { describe, expect, it } from 'vitest';
import { decide } from '../../src/core/decide.js';
import { furthestAhead } from '../../src/core/select.js';
import {
  type Change,
  HOSTS,
  NOW,
  OTHER_SYSTEM,
  STOPPED,
  TROUBLE,
  answers,
  asMaster,
  asReplica,
  crashed,
  frozen,
  hostLost,
  iso,
  looked,
  lost,
  notAsked,
  port,
  retried,
  silent,
  situation,
  state,
} from './build.js';

/*
 * What a decision shows for its diagnosis, in the words that an operator reads: who said it, and what.
 */

const cutOff: Change = (s) => ['db1', 'db2', 'db3'].reduce((last, name) => answers(name, 'timeout')(last), s);
const cannotSay: Change = (s) => ['db2', 'db3'].reduce((last, name) => port(name, 'cannot_look')(last), s);
const replaced: Change = (s) =>
  [
    asMaster('db1', { timeline: 2 }),
    asReplica('db2', { timeline: 2 }),
    state({
      former_masters: [
        { server: 'db3', since: iso(TROUBLE), reason: '', timeline: 2, fenced: null, rejoin_failures: 0 },
      ],
    }),
  ].reduce((last, change) => change(last), s);
const closed = looked('db1', { postmaster: { kind: 'not_running' }, port: 'cannot_reach', control: null });

const SILENT = 'db1: db1: timeout (answer timeout), 4 of 4 looks made';
const REFUSED = 'db1: db1: refused (answer refused), 4 of 4 looks made';
const AGREE = [
  'db2: db2 cannot reach db1 either: pg_isready says cannot_reach',
  'db3: db3 cannot reach db1 either: pg_isready says cannot_reach',
];

describe('what a diagnosis stands on', () => {
  it.each<[string, readonly Change[], readonly string[]]>([
    ['all is well', [], ['db1: db1 accepts writes on timeline 1']],
    [
      'its timeline is not told',
      [asMaster('db1', { timeline: null })],
      ['db1: db1 accepts writes on timeline unknown'],
    ],
    [
      'two masters',
      [asMaster('db2', { timeline: null })],
      ['db1: db1 accepts writes on timeline 1', 'db2: db2 accepts writes on timeline unknown'],
    ],
    [
      'a former master is back',
      [replaced, asMaster('db3')],
      ['db3: db3 is a former master and accepts writes on timeline 1'],
    ],
    [
      'a former master is back, on which timeline is not told',
      [replaced, asMaster('db3', { timeline: null })],
      ['db3: db3 is a former master and accepts writes on timeline unknown'],
    ],
    [
      'another cluster',
      [asMaster('db1', { system_identifier: OTHER_SYSTEM })],
      ["db1: db1 has system identifier 7300000000000000002, the cluster's is 7300000000000000001"],
    ],
    [
      'a newer timeline elsewhere',
      [asReplica('db3', { timeline: 2 })],
      ['db1: db1 is on timeline 1', "db3: db3 is on timeline 2, newer than the master's"],
    ],
    [
      'promoted by hand',
      [crashed, asMaster('db2', { timeline: 2 })],
      ['db1: db1: refused (answer refused)', 'db2: db2 accepts writes on timeline 2: it was promoted by hand'],
    ],
    [
      'promoted by hand, and the master was not looked at',
      [notAsked('db1'), asMaster('db2', { timeline: 2 }), retried],
      ['db2: db2 accepts writes on timeline 2: it was promoted by hand'],
    ],
    [
      'nothing answers',
      [cutOff],
      [
        'db1: db1: timeout (answer timeout)',
        'db2: db2: timeout (answer timeout)',
        'db3: db3: timeout (answer timeout)',
      ],
    ],
    ['silent at the first look', [silent()], ['db1: db1: timeout (answer timeout)']],
    ['nobody was looked at', [notAsked('db1'), notAsked('db2'), notAsked('db3')], []],
    [
      'crashed',
      [crashed],
      [REFUSED, 'host of db1: db1: no postmaster runs, the control file says "in production"', ...AGREE],
    ],
    [
      'crashed, and the replicas cannot say: where the host tells, that they answer is enough',
      [crashed, cannotSay],
      [
        REFUSED,
        'host of db1: db1: no postmaster runs, the control file says "in production"',
        'db2: db2 answers, but cannot say whether db1 lives (from its host: pg_isready says cannot_reach)',
        'db3: db3 answers, but cannot say whether db1 lives (from its host: pg_isready says cannot_reach)',
      ],
    ],
    [
      'hung',
      [frozen],
      [SILENT, 'host of db1: db1: the postmaster runs, the control file says "in production"', ...AGREE],
    ],
    [
      'stopped by a signal',
      [lost(STOPPED)],
      [SILENT, 'host of db1: db1: the postmaster is stopped, the control file says "in production"', ...AGREE],
    ],
    [
      'its host is lost',
      [hostLost],
      [SILENT, 'host of db1: db1: its host cannot be asked (ssh: connect timed out)', ...AGREE],
    ],
    [
      'its process cannot be told',
      [lost(HOSTS.unknown)],
      [
        SILENT,
        'host of db1: db1: the postmaster cannot be told: pgdata is not readable, the control file cannot be read',
        ...AGREE,
      ],
    ],
    [
      'its control file cannot be read',
      [lost(closed)],
      [SILENT, 'host of db1: db1: no postmaster runs, the control file cannot be read', ...AGREE],
    ],
  ])('%s', (_, changes, expected) => {
    const { evidence } = decide(situation(...changes), furthestAhead);
    expect(evidence.map(({ source, text }) => `${source}: ${text}`)).toEqual(expected);
    expect(evidence.every(({ at }) => at === NOW)).toBe(true);
  });
});
