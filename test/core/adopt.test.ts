import { describe, expect, test } from 'vitest';
import { withNewMaster, withReplica } from '../../src/act/record.js';
import { type Adoption, adoptQuestion, compareRecords, judgeAdoption } from '../../src/core/adopt.js';
import type { Rebuild } from '../../src/core/model.js';
import {
  type Change,
  HOSTS,
  NOW,
  OTHER_SYSTEM,
  QUIET,
  SYSTEM,
  answers,
  asMaster,
  asReplica,
  candidateHost,
  control,
  crashed,
  def,
  iso,
  looked,
  lookedCloser,
  noHost,
  operation,
  silent,
  situation,
  state,
  where,
  withoutFacts,
} from './build.js';

/** db2 was promoted, whatever became of db1. */
const promoted = asMaster('db2', { timeline: 2 });
/** db1 follows db2, as after a switchover by hand. */
const returned = asReplica('db1', { timeline: 2, receiver: { ...QUIET, sender_host: 'db2.example.com', timeline: 2 } });
const following = asReplica('db3', { timeline: 2 });
const switched: Change = (s) => [promoted, returned, following].reduce((last, change) => change(last), s);
/** Nothing was ever saved: only the configuration speaks. */
const unsaved = state({ system_identifier: null, master_position: null });

const former = (server: string, timeline: number | null, fenced: string | null = null): Change =>
  state({ former_masters: [{ server, since: iso(NOW), reason: 'replaced', timeline, fenced, rejoin_failures: 0 }] });

/** A clone that was broken off, and has left its data directory half made. */
const HALF_MADE: Rebuild = {
  server: 'db2',
  kind: 'clone',
  method: 'clone_basebackup',
  source: 'db1',
  run: 'r',
  begun: iso(NOW),
  owner: { host: 'h', machine: 'm', pid: 1, boot_id: 'b', started: '1' },
  touched: true,
  broken: 'its run died',
};

function judge(changes: readonly Change[], under_way: readonly string[] = []): Adoption {
  return judgeAdoption({ situation: situation(...changes), under_way });
}

/** All but the words. */
function verdict(adoption: Adoption): unknown {
  switch (adoption.kind) {
    case 'agrees':
      return { agrees: adoption.master };
    case 'adopt':
      return { master: adoption.master, old: adoption.old_masters, replicas: adoption.replicas };
    case 'refused':
      return 'refused';
  }
}

type Row = readonly [when: string, then: unknown, ...changes: readonly Change[]];

const db2 = (change: object = {}): unknown => ({ master: 'db2', old: ['db1'], replicas: [], ...change });

const TAKEN: readonly Row[] = [
  ['all is as recorded', { agrees: 'db1' }],
  ['nothing was saved, and the configuration is right', { agrees: 'db1' }, unsaved],
  ['a replica is down', { agrees: 'db1' }, answers('db3', 'timeout')],
  ['a switchover by hand: the old master streams on the new timeline', db2({ replicas: ['db1'] }), switched],
  ['the same, and nothing was ever saved', db2({ replicas: ['db1'] }), unsaved, switched],
  [
    'both were stopped, and their roles swapped without a new timeline',
    db2({ replicas: ['db1'] }),
    asMaster('db2'),
    asReplica('db1'),
  ],
  ['the old master is in recovery, on the old timeline still', db2(), promoted, asReplica('db1')],
  [
    'the old master is in recovery and does not stream',
    db2(),
    switched,
    asReplica('db1', { timeline: 2, receiver: null }),
  ],
  [
    'the old master waits for WAL of the new timeline',
    db2(),
    switched,
    asReplica('db1', { timeline: 2, receiver: { ...QUIET, status: 'waiting' } }),
  ],
  [
    'another cluster streams where the old master was',
    db2(),
    switched,
    asReplica('db1', { timeline: 2, system_identifier: OTHER_SYSTEM }),
  ],
  [
    'two masters are on record, and one of them follows the other',
    { master: 'db1', old: ['db2'], replicas: ['db2'] },
    def('db2', { role: 'master' }),
  ],
  [
    'a replica is down, and its own host shows it',
    { agrees: 'db1' },
    answers('db3', 'timeout'),
    lookedCloser(HOSTS.alive),
    candidateHost(looked('db3', { postmaster: { kind: 'not_running' }, control: control('in production') })),
  ],
  [
    'a disabled server that never was a master rejects us',
    db2(),
    promoted,
    crashed,
    answers('db3', 'rejected'),
    def('db3', { enabled: false }),
  ],
  [
    'the name of a disabled former master is gone',
    db2(),
    promoted,
    crashed,
    answers('db3', 'unresolved'),
    former('db3', 2),
    def('db3', { enabled: false }),
  ],
  ['the old master is read only, on the old timeline', db2(), promoted, asMaster('db1', { read_only: true })],
  ['the old master crashed', db2(), promoted, crashed],
  ['the same, and nothing was ever saved: its host shows that nothing runs', db2(), unsaved, promoted, crashed],
  [
    'the old master and its host are silent, and the timeline is newer',
    db2(),
    promoted,
    silent(),
    lookedCloser(HOSTS.no_answer),
  ],
  ['the old master is of another cluster now', db2(), promoted, asMaster('db1', { system_identifier: OTHER_SYSTEM })],
  ['the writer is disabled', db2(), promoted, crashed, def('db2', { enabled: false })],
  ['no master is enabled', db2({ old: ['db1'] }), promoted, answers('db1', 'refused'), def('db1', { enabled: false })],
  ['no master is on record at all', { master: 'db1', old: [], replicas: [] }, def('db1', { role: 'replica' })],
  [
    'the recorded master takes writes, and is disabled',
    { master: 'db1', old: [], replicas: [] },
    def('db1', { enabled: false }),
  ],
  [
    'a replica that is down was last seen by its host as a standby',
    db2(),
    promoted,
    crashed,
    answers('db3', 'timeout'),
    candidateHost(looked('db3', { control: control('in archive recovery') })),
  ],
  ['a former master that was promoted again, after it was replaced', db2(), promoted, crashed, former('db2', 2)],
  [
    'another former master is still owed its fencing',
    db2(),
    promoted,
    crashed,
    answers('db3', 'timeout'),
    former('db3', 2),
    def('db3', { enabled: false }),
  ],
];

test.each(TAKEN.map(([when, then, ...changes]) => ({ when, then, changes })))('$when', ({ then, changes }) => {
  expect(verdict(judge(changes))).toEqual(then);
});

type Refusal = readonly [when: string, words: RegExp, ...changes: readonly Change[]];

const REFUSED: readonly Refusal[] = [
  ['two servers accept writes', /^db1 \(timeline 1\) and db2 \(timeline 2\) accept writes/, promoted],
  [
    'two do, and one of them is disabled',
    /db1 .* and db3 .* accept writes/,
    asMaster('db3'),
    def('db3', { enabled: false }),
  ],
  ['two do, and nothing was saved', /accept writes/, unsaved, asMaster('db2', { timeline: 2 })],
  [
    'one does, and a read-only master is on its timeline',
    /accept writes/,
    asMaster('db2'),
    asMaster('db1', { read_only: true }),
  ],
  ['no server does', /no server of this cluster accepts writes: there is no master/, asReplica('db1')],
  [
    'no server does, and one is down',
    /no server of this cluster accepts writes/,
    asReplica('db1'),
    answers('db3', 'timeout'),
  ],
  ['the only one is read only', /default_transaction_read_only/, asMaster('db1', { read_only: true })],
  [
    'the only one is of another cluster',
    new RegExp(`writes; db1 does, with system identifier ${OTHER_SYSTEM}: there`),
    asMaster('db1', { system_identifier: OTHER_SYSTEM }),
  ],
  [
    'nobody answers',
    /no server tells its role/,
    answers('db1', 'timeout'),
    answers('db2', 'timeout'),
    answers('db3', 'timeout'),
  ],
  [
    'nothing was saved, and the servers are of two clusters',
    /two clusters/,
    unsaved,
    asReplica('db3', { system_identifier: OTHER_SYSTEM }),
  ],
  ['a replica is on a newer timeline', /db3 is on 2: db1 is not the last/, asReplica('db3', { timeline: 2 })],
  [
    'a disabled server is on a newer timeline',
    /db3 is on 2/,
    asReplica('db3', { timeline: 2 }),
    def('db3', { enabled: false }),
  ],
  [
    'the last known master was on a newer timeline',
    /db1 was the master on 3/,
    switched,
    (s) =>
      state({ master_position: s.state.master_position === null ? null : { ...s.state.master_position, timeline: 3 } })(
        s,
      ),
  ],
  ['the writer does not tell its timeline', /does not tell/, asMaster('db1', { timeline: null })],
  [
    'the writer does not tell its system identifier',
    /does not tell/,
    unsaved,
    asMaster('db1', { system_identifier: null }),
  ],
  ['the recorded master rejects us', /cannot be told whether db1/, promoted, answers('db1', 'rejected')],
  ['the recorded master starts', /cannot be told whether db1/, promoted, answers('db1', 'starting')],
  ['the recorded master is saturated', /cannot be told whether db1/, promoted, answers('db1', 'saturated')],
  [
    'the name of the recorded master does not resolve',
    /cannot be told whether db1/,
    promoted,
    answers('db1', 'unresolved'),
  ],
  ['a replica tells nothing of itself', /cannot be told whether db3/, withoutFacts('db3')],
  [
    'a former master rejects us',
    /cannot be told whether db3/,
    answers('db3', 'rejected'),
    former('db3', 2),
    def('db3', { enabled: false }),
  ],
  [
    'the recorded master is silent, and PostgreSQL runs on its host',
    /so may db1/,
    promoted,
    silent(),
    lookedCloser(HOSTS.frozen),
  ],
  [
    'a silent replica: its host shows a master',
    /so may db3/,
    answers('db3', 'timeout'),
    lookedCloser(HOSTS.alive),
    candidateHost(looked('db3', { control: control('in production') })),
  ],
  [
    'nothing was saved, and the configured master and its host are silent',
    /no proof that it replaced db1/,
    unsaved,
    promoted,
    silent(),
    lookedCloser(HOSTS.no_answer),
  ],
  [
    'the recorded master and its host are silent, and the timeline is not newer',
    /no proof/,
    asMaster('db2'),
    silent(),
    lookedCloser(HOSTS.no_answer),
  ],
  ['the same: its host answers, and cannot tell', /no proof/, asMaster('db2'), silent(), lookedCloser(HOSTS.unknown)],
  ['the same: no host was asked', /no proof/, asMaster('db2'), silent()],
  [
    'a former master is back as it was',
    /^db3 is a former master, replaced on timeline 2, and is back accepting writes on timeline 1: it is to be fenced, not/,
    answers('db1', 'refused'),
    asReplica('db2'),
    asMaster('db3'),
    former('db3', 2),
  ],
  [
    'a former master, and it is not known what replaced it',
    /^db2 is a former master, and is back .* it is to be fenced/,
    asReplica('db1'),
    asMaster('db2', { timeline: 2 }),
    former('db2', null),
  ],
  ['an operation is unfinished', /failover-1 is unfinished/, switched, state({ operation: operation() })],
  ['the writer is half made', /db2 must not be taken for the master/, switched, state({ rebuilds: [HALF_MADE] })],
  [
    'another HandyRep is the active one',
    /not the active one/,
    switched,
    where({ active: { active: false, detail: 'the address is elsewhere' } }),
  ],
];

describe('refused, with what was seen and what to do', () => {
  test.each(REFUSED.map(([when, words, ...changes]) => ({ when, words, changes })))('$when', ({ words, changes }) => {
    const adoption = judge(changes);
    if (adoption.kind !== 'refused') throw new Error(`it was not refused: ${JSON.stringify(verdict(adoption))}`);
    expect(adoption.failure.code).toBe('unsafe');
    expect(adoption.failure.message).toMatch(words);
    expect(adoption.failure.hint).toBeTruthy();
    expect(adoption.evidence.map((one) => one.source).sort()).toEqual(['db1', 'db2', 'db3']);
  });

  test('a server is being made anew by a run that lives', () => {
    expect(judge([switched], ['db3'])).toMatchObject({ kind: 'refused', failure: { code: 'unsafe', server: 'db3' } });
  });
});

test('the evidence says what was seen of each server', () => {
  const { evidence } = judge([promoted, crashed]);
  expect(evidence.map((one) => one.text)).toEqual([
    'db1: refused (answer refused); its host: postmaster not running',
    'db2 accepts writes, on timeline 2',
    'db3 is in recovery, streaming from db1.example.com:5432, on timeline 1',
  ]);
});

describe('in words', () => {
  const at = iso(NOW);
  const change = {
    new_master: 'db2',
    timeline: 2,
    lsn: null,
    at,
    fenced: false,
    reason: 'by hand',
    moves_clients: false,
  };
  const { state: before } = situation();

  test('before and after of each server: the old master is a former one', () => {
    expect(compareRecords(before, withNewMaster(before, { ...change, old_master: 'db1' }))).toEqual([
      { server: 'db1', before: 'master', after: 'replica, disabled, former master, its fencing owed' },
      { server: 'db2', before: 'replica', after: 'master' },
      { server: 'db3', before: 'replica', after: 'replica' },
    ]);
  });

  test('before and after: the old master is fenced already', () => {
    const after = withNewMaster(before, { ...change, fenced: true, old_master: 'db1' });
    expect(compareRecords(before, after)[0]?.after).toBe('replica, disabled, former master, fenced');
  });

  test('before and after: it is a replica already', () => {
    const after = withReplica(withNewMaster(before, { ...change, old_master: 'db1' }), 'db1');
    expect(compareRecords(before, after).map((one) => one.after)).toEqual(['replica', 'master', 'replica']);
  });

  test('nobody was master: nobody becomes a former one', () => {
    expect(withNewMaster(before, { ...change, old_master: null }).former_masters).toEqual([]);
  });

  test.each([
    [{ old_masters: [], replicas: [] }, 'db2 is recorded as the master'],
    [{ old_masters: ['db1'], replicas: ['db1'] }, 'db2 is recorded as the master, db1 as a replica of it'],
    [
      { old_masters: ['db1'], replicas: [] },
      'db2 is recorded as the master, db1 as a disabled former master, which is stopped if it comes back accepting writes',
    ],
  ])('the question: %j', (parts, words) => {
    expect(adoptQuestion({ kind: 'adopt', master: 'db2', evidence: [], ...parts })).toBe(words);
  });
});

test('a system identifier that is not known yet is no stranger', () => {
  expect(situation().state.system_identifier).toBe(SYSTEM);
  expect(verdict(judge([unsaved, switched, candidateHost(noHost('db3'))]))).toEqual(db2({ replicas: ['db1'] }));
});
