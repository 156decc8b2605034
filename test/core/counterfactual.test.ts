import { describe, expect, test } from 'vitest';
import { alternatives, counterfactuals, outcomeOf } from '../../src/core/counterfactual.js';
import { decide } from '../../src/core/decide.js';
import { furthestAhead } from '../../src/core/select.js';
import type { Situation } from '../../src/core/situation.js';
import {
  type Change,
  HOSTS,
  NOW,
  answers,
  asMaster,
  asReplica,
  calm,
  candidateHost,
  crashed,
  def,
  frozen,
  hostLost,
  iso,
  looked,
  lost,
  lsn,
  operation,
  policy,
  port,
  shutDown,
  silent,
  situation,
  state,
  where,
} from './build.js';

const off = policy({ auto_failover: false });
const paused = state({ pause: { since: iso(NOW), until: iso(NOW + 250_000), reason: 'maintenance' } });
const failedOver = state({ last_failover: { ended: iso(NOW - 60_000), acknowledged: false } });
const booted: Change = (s) => ({ ...s, manager: { ...s.manager, boot_id: 'boot-2' } });

/** Each outcome with the conditions that lead to it. */
function told(...changes: readonly Change[]): Readonly<Record<string, readonly string[]>> {
  const found = counterfactuals(situation(...changes), furthestAhead);
  return Object.fromEntries(
    found.map(({ outcome, conditions }) => [outcome, conditions.map(({ all }) => all.join(' AND '))]),
  );
}

type Row = readonly [when: string, outcome: string, conditions: readonly string[], ...changes: readonly Change[]];

const OWED = 'fail over to db2, the fencing of the old master owed';
const ASK = 'an operator asked for it (`handyrep failover`)';
const PAUSE_ENDS = 'the pause ends (at 2026-03-01T12:04:10.000Z, 4 m 10 s after this decision)';
const RESUME = 'the pause were ended (`handyrep resume`)';

const ROWS: readonly Row[] = [
  ['one replica still reaches the master', OWED, ['db3 could not reach db1 either'], hostLost, port('db3', 'reaches')],
  [
    'both replicas still reach it: both have to lose it',
    OWED,
    ['db2 could not reach db1 either AND db3 could not reach db1 either'],
    hostLost,
    port('db2', 'reaches'),
    port('db3', 'reaches'),
  ],
  ['automatic failover is off', 'fail over to db2', [ASK, 'auto_failover were true'], crashed, off],
  ['paused for a time', 'fail over to db2', [PAUSE_ENDS, RESUME, ASK], crashed, paused],
  [
    'paused and off: one of the two is not enough',
    'fail over to db2',
    [ASK, `${PAUSE_ENDS} AND auto_failover were true`, `${RESUME} AND auto_failover were true`],
    crashed,
    paused,
    off,
  ],
  [
    'too soon after the last failover',
    'fail over to db2',
    [
      'min_failover_interval is over (at 2026-03-01T12:09:00.000Z, 9 m after this decision)',
      'the last failover were acknowledged (`handyrep ack`)',
      ASK,
      'min_failover_interval were 0',
    ],
    crashed,
    failedOver,
  ],
  [
    'no replica answers, and the host is gone',
    OWED,
    ['db2 answered'],
    hostLost,
    answers('db2', 'timeout'),
    answers('db3', 'timeout'),
  ],
  [
    'this host has just booted',
    'fail over to db2',
    [ASK, 'this were a later round on this host, and its clock had not jumped'],
    crashed,
    booted,
  ],
  [
    'the state cannot be written',
    'fail over to db2',
    ['the saved state could be written'],
    crashed,
    (s) => ({ ...s, manager: { ...s.manager, state_unwritable: 'ENOSPC' } }),
  ],
  [
    'another HandyRep is the active one',
    'fail over to db2',
    ['this HandyRep were the active one'],
    crashed,
    where({ active: { active: false, detail: 'another' } }),
  ],
  [
    'the frozen master is to be left alone',
    'fail over to db2',
    [
      ASK,
      'failover_on_hung were true',
      'the host of db1 said that no postmaster runs, and its control file "in production"',
      'the host of db1 said that no postmaster runs, and its control file "shut down"',
    ],
    frozen,
    policy({ failover_on_hung: false }),
  ],
  [
    'more would be lost than is allowed: the size that would be enough is told',
    'fail over to db2',
    ['max_data_loss were 4096 bytes'],
    crashed,
    policy({ max_data_loss: { bytes: 100 } }),
    asReplica('db2', { lsn: lsn(0x4fff000) }),
    answers('db3', 'refused'),
  ],
  [
    'a disk is full',
    'fail over to db3',
    ['db3 had room on its disk'],
    crashed,
    answers('db2', 'refused'),
    candidateHost(looked('db3', { free_bytes: 1000 })),
  ],
  [
    'an operation is unfinished',
    'fail over to db2',
    ['the operation were finished'],
    crashed,
    state({ operation: operation() }),
  ],
];

const BASES: readonly (readonly [string, ...Change[]])[] = [
  ['calm'],
  ['crashed', crashed],
  ['shut down', shutDown],
  ['frozen', frozen],
  ['host lost', hostLost],
  ['silent', silent()],
  ['rejects', answers('db1', 'rejected')],
  ['two masters', asMaster('db2')],
  ['other writer', hostLost, asMaster('db2')],
  ['alive', lost(HOSTS.alive)],
  ['unknown', lost(HOSTS.unknown)],
  ['unresolved', answers('db1', 'unresolved')],
  ['never streamed', crashed, calm('db2', { streaming: false }), calm('db3', null)],
  ['disabled', crashed, def('db2', { enabled: false }), def('db3', { failover_priority: null })],
];
const BESIDE: readonly (readonly [string, ...Change[]])[] = [
  ['nothing'],
  ['off', off],
  ['paused and off', paused, off],
  ['too soon', failedOver],
  ['no loss', policy({ max_data_loss: 'none', require_fencing: true })],
  ['restart', policy({ restart_master: true })],
  ['db3 sees it', port('db3', 'reaches')],
  ['booted', booted],
];

const CASES = BASES.flatMap(([base, ...a]) =>
  BESIDE.map(([beside, ...b]): readonly [string, Situation] => [`${base}, ${beside}`, situation(...a, ...b)]),
);

describe('what would change a decision', () => {
  for (const [when, outcome, conditions, ...changes] of ROWS) {
    test(when, () => {
      expect(told(...changes)[outcome]).toEqual(expect.arrayContaining([...conditions]));
    });
  }

  test('what was paid for by both is not told of one', () => {
    const outcomes = told(crashed, paused, off);
    expect(outcomes['fail over to db2']).not.toContain('auto_failover were true');
    expect(outcomes['fail over to db2']).not.toContain(PAUSE_ENDS);
  });

  test('a decision to act: who could have stopped it, told together', () => {
    const outcomes = told(crashed);
    expect(outcomes['raise the alarm and not act']).toEqual(
      expect.arrayContaining(['db2 or db3 could reach db1', 'auto_failover were false', 'max_data_loss were none']),
    );
    expect(outcomes['fail over to db3']).toContain('db2 did not answer');
    expect(outcomes['find nothing to do']).toEqual(['db1 answered as a master']);
    expect(outcomes['start the master db1 again']).toEqual(['restart_master were true']);
  });

  test('in calm times: what the next faults would lead to', () => {
    expect(told()).toEqual({
      'fail over to db2': ['PostgreSQL on db1 was killed', 'PostgreSQL on db1 was frozen'],
      'raise the alarm and not act': ['this host and db1 could not reach each other'],
    });
  });

  test.each(CASES)('every claim is true when it is decided again: %s', (_name, s) => {
    const base = decide(s, furthestAhead);
    const before = structuredClone(s);
    const found = alternatives(s, furthestAhead);
    expect(found.length).toBeGreaterThan(0);
    for (const { changes, decision } of found) {
      const changed = changes.reduce((last, change) => change.apply(last), s);
      const select = changes.reduce((last, change) => change.select ?? last, furthestAhead);
      expect(decide(changed, select)).toEqual(decision);
      expect(outcomeOf(decision)).not.toBe(outcomeOf(base));
      expect(new Set(changes.map(({ touches }) => touches)).size).toBe(changes.length);
    }
    expect(s).toEqual(before);
  });

  test.each(CASES)('no set holds a change that is not needed: %s', (_name, s) => {
    const acts = (changed: Situation): boolean =>
      !['none', 'look'].includes(decide(changed, furthestAhead).action.kind);
    for (const { changes } of alternatives(s, furthestAhead)) {
      if (changes.length === 1) continue;
      for (const left of changes) {
        const rest = changes.filter((one) => one !== left);
        expect(acts(rest.reduce((last, change) => change.apply(last), s))).toBe(false);
      }
    }
  });

  test('fifty servers are explained in a moment', () => {
    const names = Array.from({ length: 49 }, (_, index) => `db${(index + 2).toString()}`);
    const s = names.reduce((last, name) => asReplica(name)(def(name, {})(last)), situation());
    const witnesses = names.map((server) => {
      const seen = s.servers[server];
      if (seen === undefined) throw new Error(server);
      return { server, seen, port: 'reaches' as const, port_detail: '' };
    });
    const host = HOSTS.no_answer;
    const many = situation(() => ({ ...lost(host)(s), closer: { host, witnesses, candidate_hosts: [] } }));
    const began = performance.now();
    expect(decide(many, furthestAhead).diagnosis.kind).toBe('master_seen_by_replica');
    alternatives(many, furthestAhead);
    expect(performance.now() - began).toBeLessThan(20_000);
  });
});
