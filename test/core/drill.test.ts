import { describe, expect, test } from 'vitest';
import { drill } from '../../src/core/drill.js';
import { type Fault, describeFault, imagine } from '../../src/core/imagine.js';
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
  def,
  iso,
  looked,
  lookedCloser,
  noHost,
  operation,
  outline,
  policy,
  situation,
  state,
} from './build.js';

const kill = (server: string): Fault => ({ kind: 'kill', server });
const freeze = (server: string): Fault => ({ kind: 'freeze', server });
const busy = (server: string): Fault => ({ kind: 'busy', server });
const cut = (a: string, b: string): Fault => ({ kind: 'cut', ends: [a, b] });

/** Everything was looked at, and all is well. */
const observed: Change = lookedCloser(HOSTS.alive, { db2: 'reaches', db3: 'reaches' });
const withoutSsh: Change = (s) => {
  if (s.closer === null) return s;
  const witnesses = s.closer.witnesses.map((look) => ({ ...look, port: 'cannot_look' as const }));
  const candidate_hosts = ['db2', 'db3'].map((name) => noHost(name));
  return { ...s, closer: { host: noHost('db1'), witnesses, candidate_hosts } };
};
const lonely: Change = (s) => ({
  ...s,
  servers: Object.fromEntries(Object.entries(s.servers).filter(([name]) => name === 'db1')),
  state: {
    ...s.state,
    servers: Object.fromEntries(Object.entries(s.state.servers).filter(([name]) => name === 'db1')),
  },
});

type Row = readonly [
  when: string,
  faults: readonly Fault[],
  then: { readonly diagnosis: string; readonly to: string | null; readonly survives: boolean },
  ...changes: readonly Change[],
];
const then = (diagnosis: string, to: string | null, survives: boolean): Row[2] => ({ diagnosis, to, survives });

const ROWS: readonly Row[] = [
  ['the master killed', [kill('db1')], then('master_crashed', 'db2', true)],
  ['the master frozen', [freeze('db1')], then('master_hung', 'db2', true)],
  ['the master busy', [busy('db1')], then('master_saturated', null, true)],
  ['a replica killed', [kill('db2')], then('master_healthy', null, true)],
  ['master and first candidate killed', [kill('db1'), kill('db2')], then('master_crashed', 'db3', true)],
  ['the first candidate has no connection free', [kill('db1'), busy('db2')], then('master_crashed', 'db3', true)],
  ['the first candidate is frozen', [kill('db1'), freeze('db2')], then('master_crashed', 'db3', true)],
  ['everybody killed', [kill('db1'), kill('db2'), kill('db3')], then('master_crashed', null, false)],
  ['we are cut from the master only', [cut('manager', 'db1')], then('master_seen_by_replica', null, true)],
  [
    'everybody is cut from the master',
    [cut('manager', 'db1'), cut('db2', 'db1'), cut('db1', 'db3')],
    then('master_host_lost', 'db2', true),
  ],
  [
    'we are cut from everybody',
    ['db1', 'db2', 'db3'].map((name) => cut('manager', name)),
    then('manager_cut_off', null, true),
  ],
  [
    'we are cut from everybody, and the master is dead',
    [kill('db1'), ...['db1', 'db2', 'db3'].map((name) => cut('manager', name))],
    then('manager_cut_off', null, false),
  ],
  ['the first candidate is cut from us', [kill('db1'), cut('manager', 'db2')], then('master_crashed', 'db3', true)],
  ['a cut between replicas decides nothing', [cut('db2', 'db3')], then('master_healthy', null, true)],
  ['killed and frozen is killed', [freeze('db1'), kill('db1')], then('master_crashed', 'db2', true)],
  ['killed where no ssh works', [kill('db1')], then('master_host_lost', 'db2', true), withoutSsh],
  [
    'frozen where no ssh works: the replicas cannot say',
    [freeze('db1')],
    then('too_few_witnesses', null, false),
    withoutSsh,
  ],
  ['automatic failover is off', [kill('db1')], then('master_crashed', null, false), policy({ auto_failover: false })],
  [
    'paused',
    [kill('db1')],
    then('master_crashed', null, false),
    state({ pause: { since: iso(NOW), until: null, reason: '' } }),
  ],
  ['nobody else is there', [kill('db1')], then('too_few_witnesses', null, false), lonely],
  [
    'the replicas never streamed',
    [kill('db1')],
    then('too_few_witnesses', null, false),
    (s) => ['db2', 'db3'].reduce((last, name) => calm(name, { streaming: false })(last), s),
  ],
  [
    'the first candidate has no room',
    [kill('db1')],
    then('master_crashed', 'db3', true),
    candidateHost(looked('db2', { free_bytes: 0 })),
  ],
  [
    'the first candidate must not be promoted',
    [kill('db1')],
    then('master_crashed', 'db3', true),
    def('db2', { failover_priority: null }),
  ],
  [
    'a master that is down already',
    [kill('db2')],
    then('master_crashed', 'db3', true),
    answers('db1', 'refused'),
    lookedCloser(HOSTS.crashed),
  ],
  ['no master is recorded', [], then('no_master_recorded', null, false), def('db1', { role: 'replica' })],
  ['two masters already', [kill('db3')], then('two_masters', null, true), asMaster('db2')],
  [
    'an unfinished operation',
    [kill('db1')],
    then('operation_unfinished', null, false),
    state({ operation: operation() }),
  ],
  [
    'this host has just booted',
    [kill('db1')],
    then('master_crashed', null, false),
    (s) => ({ ...s, manager: { ...s.manager, boot_id: 'boot-2' } }),
  ],
];

function run(faults: readonly Fault[], changes: readonly Change[]): ReturnType<typeof drill> {
  return drill(situation(observed, ...changes), faults, furthestAhead);
}

describe('a drill', () => {
  for (const [when, faults, expected, ...changes] of ROWS) {
    test(when, () => {
      const { decision, survives, otherwise, verdict } = run(faults, changes);
      const { action } = outline(decision);
      const to = action.kind === 'fail_over' ? (action.to[0] ?? null) : null;
      expect({ diagnosis: decision.diagnosis.kind, to, survives }).toEqual(expected);
      expect(verdict.startsWith('it would survive')).toBe(survives);
      if (survives) expect(otherwise).toEqual([]);
    });
  }

  test('who would become the master is said', () => {
    expect(run([kill('db1')], []).verdict).toBe('it would survive: db2 would become the master');
    expect(run([kill('db1')], []).fallback).toBeNull();
  });

  test('where the master would be started again, what follows if it does not start is told', () => {
    const { decision, survives, fallback } = run([kill('db1')], [policy({ restart_master: true })]);
    expect(decision.action).toEqual({ kind: 'restart_master', server: 'db1' });
    expect([survives, fallback?.action.kind]).toEqual([true, 'fail_over']);
    const said = (...changes: readonly Change[]): string =>
      run([kill('db1')], [policy({ restart_master: true }), ...changes]).verdict;
    expect(said()).toMatch(/would be started again; if it does not start, a failover follows$/);
    expect(said(def('db2', { failover_priority: null }), def('db3', { failover_priority: null }))).not.toContain(
      'a failover follows',
    );
  });

  test('where nobody would take over, what would change that is told', () => {
    const { otherwise } = run([kill('db1')], [policy({ auto_failover: false })]);
    expect(otherwise[0]?.outcome).toBe('fail over to db2');
    expect(otherwise[0]?.conditions.flatMap(({ all }) => all)).toContain('auto_failover were true');
  });

  test('a WAL receiver ends with its own upstream, and not with another server', () => {
    const cascading: Change = asReplica('db3', {
      receiver: {
        kind: 'running',
        status: 'streaming',
        receipt_age_ms: 1,
        sender_host: 'db2.example.com',
        sender_port: 5432,
        slot_name: null,
        timeline: 1,
      },
    });
    const receivers = (fault: Fault): readonly unknown[] => {
      const { servers } = imagine(situation(observed, cascading), [fault]);
      return ['db2', 'db3'].map((name) => servers[name]?.facts?.receiver?.kind);
    };
    expect(receivers(kill('db1'))).toEqual(['none', 'running']);
    expect(receivers(kill('db2'))).toEqual([undefined, 'none']);
    expect(receivers(freeze('db1'))).toEqual(['running', 'running']);
  });

  test('every combination of faults leaves the observation as it is, and is decided', () => {
    const servers = ['db1', 'db2', 'db3'];
    const all = [
      ...servers.flatMap((name) => [kill(name), freeze(name), busy(name), cut('manager', name)]),
      cut('db1', 'db2'),
      cut('db1', 'db3'),
    ];
    const s = deepFreeze(situation(observed));
    const before = structuredClone(s);
    const diagnoses = new Set<string>();
    for (const a of all) {
      for (const b of all) {
        for (const c of all) {
          const { decision, survives, imagined } = drill(s, [a, b, c], furthestAhead);
          diagnoses.add(decision.diagnosis.kind);
          const dead = [a, b, c].some((one) => (one.kind === 'kill' || one.kind === 'freeze') && one.server === 'db1');
          const words = [a, b, c].map(describeFault).join(', ');
          expect([words, survives || dead]).toEqual([words, true]);
          if (decision.action.kind !== 'fail_over') continue;
          // Nobody is promoted whose own processes or whose way from here are imagined gone.
          const [first] = decision.action.plan.candidates;
          const hit = [a, b, c].filter((one) =>
            one.kind === 'cut'
              ? one.ends.includes('manager') && one.ends.includes(first.server)
              : one.server === first.server,
          );
          expect([words, hit]).toEqual([words, []]);
          expect(imagined.state).toBe(s.state);
        }
      }
    }
    expect(s).toEqual(before);
    expect([...diagnoses].sort()).toEqual([
      'manager_cut_off',
      'master_crashed',
      'master_healthy',
      'master_host_lost',
      'master_hung',
      'master_saturated',
      'master_seen_by_replica',
      'too_few_witnesses',
    ]);
  }, 60_000);
});

function deepFreeze(value: Situation): Situation {
  const freezeAll = (inner: unknown): void => {
    if (typeof inner !== 'object' || inner === null || Object.isFrozen(inner)) return;
    Object.freeze(inner);
    for (const one of Object.values(inner)) freezeAll(one);
  };
  freezeAll(value);
  return value;
}
