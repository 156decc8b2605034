import { describe, expect, test } from 'vitest';
import { decide } from '../../src/core/decide.js';
import { type EvidenceEntry, evidenceEntry } from '../../src/core/evidence.js';
import { explain } from '../../src/core/explanation.js';
import { replayEntry } from '../../src/core/replay.js';
import { byPriority, furthestAhead } from '../../src/core/select.js';
import { verdictOf } from '../../src/core/verdict.js';
import {
  type Change,
  CALM,
  DEFAULT_POLICY,
  NOW,
  answers,
  asReplica,
  candidateHost,
  crashed,
  def,
  hostLost,
  iso,
  looked,
  lsn,
  policy,
  port,
  silent,
  situation,
  state,
} from './build.js';

function entry(...changes: readonly Change[]): EvidenceEntry {
  const s = situation(...changes);
  const head = {
    run: '3f2a91bc',
    seq: 1,
    command: 'failover-check',
    selection_method: 'select_replica_furthest_ahead',
  };
  return evidenceEntry(head, s, verdictOf(decide(s, furthestAhead)));
}

const of = (...changes: readonly Change[]): ReturnType<typeof explain> => explain(entry(...changes), furthestAhead);
const booted: Change = (s) => ({ ...s, manager: { ...s.manager, boot_id: 'boot-2' } });

describe('the rules that were asked', () => {
  test.each<[string, string, ...Change[]]>([
    ['calm', '0 passed, 1 passed, 2 passed, 3 passed, 4 passed, 5 fired'],
    ['silent', '0 passed, 1 passed, 2 passed, 3 passed, 4 passed, 5 passed, 6 fired', silent()],
    ['crashed', '0 passed, 1 passed, 2 passed, 3 passed, 4 passed, 5 passed, 6 passed, 7 fired, 10 passed', crashed],
    [
      'crashed, and off',
      '0 passed, 1 passed, 2 passed, 3 passed, 4 passed, 5 passed, 6 passed, 7 fired, 10 held_back',
      crashed,
      policy({ auto_failover: false }),
    ],
    [
      'crashed, and this host has just booted',
      '0 passed, 1 passed, 2 passed, 3 passed, 4 passed, 5 passed, 6 passed, 7 fired, 10 passed, 0 held_back',
      crashed,
      booted,
    ],
    ['our name resolution fails', '0 fired', answers('db1', 'unresolved')],
  ])('%s', (...[, expected, ...changes]) => {
    const { rules } = of(...changes);
    expect(rules.map(({ number, answer }) => `${number.toString()} ${answer}`).join(', ')).toBe(expected);
  });
});

describe('what was known', () => {
  const about = (name: string, ...changes: readonly Change[]): readonly unknown[] =>
    of(...changes)
      .facts.filter((fact) => fact.about === name)
      .map(({ source, age, text }) => [source, age, text]);

  test('each server with its raw answer and its age', () => {
    expect(about('db1, the recorded master', silent('refused'))).toEqual([
      ['look from here', 0, 'refused (answer refused), in 12 ms'],
    ]);
    expect(about('db2', asReplica('db2', { receiver: { kind: 'none' }, replay_paused: true }))).toEqual([
      [
        'look from here',
        0,
        'accepting: in recovery, timeline 1, at 0/5000000, no WAL receiver, replay is paused, in 12 ms',
      ],
    ]);
  });

  test('each witness with its testimony, each host with what was found there', () => {
    const asked = [hostLost, port('db3', 'reaches'), candidateHost(looked('db2', { free_bytes: 1024 ** 3 }))];
    expect(about('witness db2', ...asked)).toEqual([
      ['SQL and remote command', 0, 'confirms: db2 cannot reach db1 either: pg_isready says cannot_reach'],
    ]);
    expect(about('witness db3', ...asked)[0]).toEqual(
      expect.arrayContaining([expect.stringMatching(/^vetoes: db3 reaches/)]),
    );
    expect(about('host of db1', ...asked)).toEqual([['remote command', null, 'no answer (ssh: connect timed out)']]);
    expect(about('host of db2', ...asked)).toEqual([
      [
        'remote command',
        null,
        'postmaster 4711 runs (state S), its port from there: reaches, control file not read, 1 GB free',
      ],
    ]);
  });

  test('what was saved, with its age: the last position, a pause, who is fenced', () => {
    const saved = state({
      pause: { since: iso(NOW - 1000), until: null, reason: 'disk' },
      former_masters: [
        { server: 'db9', since: iso(NOW - 2000), reason: '', timeline: null, fenced: null, rejoin_failures: 0 },
      ],
      sync: { at: iso(CALM), setting: 'ANY 1 (db2)', commit: 'on', standbys: [] },
    });
    expect(about('last position', saved)).toEqual([
      ['saved state 7', NOW - CALM, 'db1 was at 0/5000000 on timeline 1'],
    ]);
    expect(about('pause', saved)).toEqual([['saved state 7', 1000, 'until resumed: disk']]);
    expect(about('former master db9', saved)).toEqual([['saved state 7', 2000, 'its fencing is owed']]);
    expect(about('synchronous', saved)[0]).toEqual(expect.arrayContaining([expect.stringContaining('ANY 1 (db2)')]));
  });

  test('the settings that decide, and ourselves', () => {
    expect(about('settings', policy({ max_data_loss: { bytes: 16 * 1024 ** 2 } }))[0]).toEqual(
      expect.arrayContaining([expect.stringContaining('max_data_loss 16MB')]),
    );
    expect(about('this host', booted)[0]).toEqual(
      expect.arrayContaining([expect.stringContaining('first round since')]),
    );
  });
});

test('who could take over: the order, the distance, and every reason why not', () => {
  const { candidates } = of(
    crashed,
    asReplica('db2', { lsn: lsn(0x4ffff00) }),
    def('db4', { enabled: false, failover_priority: null }),
  );
  expect(candidates).toEqual([
    expect.objectContaining({ server: 'db3', fit: true, rank: 1, behind: 0, lsn: '0/5000000', reasons: [] }),
    expect.objectContaining({ server: 'db2', fit: true, rank: 2, behind: 256, lsn: '0/4FFFF00' }),
    expect.objectContaining({ server: 'db4', fit: false, rank: null, lsn: null }),
  ]);
  expect(candidates[2]?.reasons.length).toBeGreaterThan(1);
});

test('who could take over: how far each is behind the one that is furthest, wherever that one stands', () => {
  const { candidates } = of(crashed, asReplica('db3', { lsn: lsn(0x4ffff00) }));
  expect(candidates.map(({ server, behind }) => [server, behind])).toEqual([
    ['db2', 0],
    ['db3', 256],
  ]);
});

test('who could take over: one that the selection method left out comes last, and is told', () => {
  const onlyThird = () => ['db3'];
  const { candidates } = explain(entry(crashed, def('db4', { enabled: false })), onlyThird);
  expect(candidates.map(({ server, fit, rank }) => [server, fit, rank])).toEqual([
    ['db3', true, 1],
    ['db2', true, null],
    ['db4', false, null],
  ]);
  expect(candidates.map(({ reasons }) => reasons)).toEqual([
    [],
    ['the selection method left it out'],
    ['it is disabled', 'it was not looked at'],
  ]);
});

test('what held it back with what to do, and what would have been done', () => {
  const off = of(crashed, policy({ auto_failover: false }));
  expect(off.vetoes).toEqual([
    { rule: 10, text: expect.stringContaining('auto_failover') as string, hint: expect.stringMatching(/./) as string },
  ]);
  expect([off.plan, of(crashed).plan.length > 5]).toEqual([[], true]);
});

test('where the time went, before the decision and after it', () => {
  const moments = [{ what: 'first look', at: iso(NOW - 500), ms: 300 }];
  const acted = { ended: iso(NOW + 1000) };
  expect(explain({ ...entry(crashed), moments }, furthestAhead, acted).timetable).toEqual([
    { what: 'first look', at: 0, ms: 300 },
    { what: 'everything is done', at: 1500, ms: null },
  ]);
  const { moments: none, ...early } = entry(crashed);
  expect(none).toEqual([]);
  expect(explain(early, furthestAhead).timetable).toEqual([]);
});

test('a decision that today is made otherwise says so', () => {
  const old = entry(crashed);
  const changed = { ...old, verdict: { ...old.verdict, action: 'none', to: [] } };
  expect(explain(old, furthestAhead).differs).toEqual([]);
  expect(explain(changed, furthestAhead).differs).toEqual([
    { field: 'action', was: 'none', now: 'fail_over' },
    { field: 'to', was: 'nobody', now: 'db2, db3' },
  ]);
});

describe('a replay', () => {
  test('is the same with the same code and policy', () => {
    const { same, differences, name } = replayEntry(entry(crashed), furthestAhead, null);
    expect({ same, differences, name }).toEqual({ same: true, differences: [], name: '3f2a91bc' });
  });

  test.each<[string, Change[], Partial<typeof DEFAULT_POLICY>, string[]]>([
    ['another policy', [crashed], { auto_failover: false }, ['rule', 'action', 'to', 'fence', 'vetoes']],
    ['a policy that changes nothing here', [], { auto_failover: false }, []],
    ['another policy for what is lost', [hostLost], { require_fencing: true }, ['action', 'to', 'fence', 'vetoes']],
    ['more to do in the same decision', [crashed], { remaster: false }, ['plan']],
  ])('with %s', (_what, changes, change, fields) => {
    const { differences, same } = replayEntry(entry(...changes), furthestAhead, { ...DEFAULT_POLICY, ...change });
    expect(differences.map(({ field }) => field)).toEqual(fields);
    expect(same).toBe(fields.length === 0);
  });

  test('with another order of candidates', () => {
    const ahead = asReplica('db3', { lsn: lsn(0x5000100) });
    const { differences } = replayEntry(entry(crashed, ahead), byPriority, null);
    expect(differences[0]).toEqual({ field: 'to', was: 'db3, db2', now: 'db2, db3' });
  });
});
