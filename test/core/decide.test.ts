import { describe, expect, it, test } from 'vitest';
import { decide } from '../../src/core/decide.js';
import type { VetoName } from '../../src/core/decision.js';
import { type UnfitReason, judgeFitness } from '../../src/core/eligibility.js';
import { byPriority, furthestAhead } from '../../src/core/select.js';
import {
  type Change,
  MASTER_LSN,
  NOW,
  OTHER_SYSTEM,
  type Outline,
  TROUBLE,
  answers,
  asMaster,
  asReplica,
  calm,
  candidateHost,
  crashed,
  def,
  failsOver,
  frozen,
  hostLost,
  iso,
  looked,
  lsn,
  noHost,
  notAsked,
  onDemand,
  operation,
  outline,
  policy,
  port,
  refused,
  saved,
  shutDown,
  situation,
  state,
  vetoed,
  where,
  withoutCandidateHost,
  withoutFacts,
  wrote,
} from './build.js';

type Row = readonly [when: string, then: Outline, ...changes: readonly Change[]];

const CRASHED = { kind: 'master_crashed', master: 'db1' } as const;
const SHUT_DOWN = { kind: 'master_shut_down', master: 'db1' } as const;
const HUNG = { kind: 'master_hung', master: 'db1' } as const;
const HOST_LOST = { kind: 'master_host_lost', master: 'db1' } as const;
const SIGNAL = { kind: 'signal' } as const;

const booted: Change = (s) => ({ ...s, manager: { ...s.manager, boot_id: 'boot-2' } });
const jumped: Change = (s) => ({
  ...s,
  now: s.now + 3_600_000,
  manager: { ...s.manager, wall_ms: s.manager.wall_ms + 3_600_000 },
});
const diskFull: Change = (s) => ({ ...s, manager: { ...s.manager, state_unwritable: 'ENOSPC' } });
const off = policy({ auto_failover: false });
const paused = (until: number | null): Change =>
  state({ pause: { since: iso(TROUBLE), until: until === null ? null : iso(until), reason: 'maintenance' } });
const failedOver = (ago: number, acknowledged = false): Change =>
  state({ last_failover: { ended: iso(NOW - ago), acknowledged } });
const noReplica: Change = (s) =>
  [def('db2', { enabled: false }), def('db3', { enabled: false })].reduce((l, c) => c(l), s);
const sick = (name: typeof CRASHED | typeof HOST_LOST): Outline =>
  refused(0, name, 'unknown', { vetoes: ['manager_sick'], loss: 'bounded' });

/** Every reason that keeps HandyRep from acting on a lost master. */
const VETOES: Readonly<Record<VetoName, readonly [Row, ...Row[]]>> = {
  manager_sick: [
    ['this is the first round since the boot', sick(CRASHED), crashed, booted],
    ['the clock jumped', sick(CRASHED), crashed, jumped],
    ['the state cannot be written', sick(HOST_LOST), hostLost, diskFull],
    [
      'an operator forces it, and no step could be journalled',
      sick(CRASHED),
      crashed,
      diskFull,
      onDemand({ force: true }),
    ],
    [
      'a former master is back',
      refused(0, { kind: 'fenced_master_returned', servers: ['db3'] }, 'unknown', { vetoes: ['manager_sick'] }),
      asMaster('db1', { timeline: 2 }),
      asMaster('db3'),
      state({
        former_masters: [
          { server: 'db3', since: iso(TROUBLE), reason: '', timeline: 2, fenced: null, rejoin_failures: 0 },
        ],
      }),
      booted,
    ],
    [
      'an operation is unfinished',
      refused(0, { kind: 'operation_unfinished', operation: 'failover-1' }, 'unknown', { vetoes: ['manager_sick'] }),
      state({ operation: operation() }),
      jumped,
    ],
    [
      'a replica was promoted by hand',
      refused(0, { kind: 'promoted_by_hand', old_master: 'db1', new_master: 'db2' }, 'unknown', {
        vetoes: ['manager_sick'],
      }),
      asReplica('db1'),
      asMaster('db2', { timeline: 2 }),
      booted,
    ],
    [
      'the master is to be started again',
      refused(0, CRASHED, 'unknown', { vetoes: ['manager_sick'], loss: 'bounded' }),
      crashed,
      policy({ restart_master: true }),
      booted,
    ],
  ],
  auto_failover_off: [
    ['auto_failover is false', vetoed(10, CRASHED, ['auto_failover_off']), crashed, off],
    [
      'it is not to be started either',
      vetoed(10, CRASHED, ['auto_failover_off']),
      crashed,
      off,
      policy({ restart_master: true }),
    ],
  ],
  paused: [
    ['paused until resumed', vetoed(10, CRASHED, ['paused']), crashed, paused(null)],
    ['paused for another millisecond', vetoed(10, CRASHED, ['paused']), crashed, paused(NOW + 1)],
    ['paused, and off', vetoed(10, CRASHED, ['auto_failover_off', 'paused']), crashed, paused(null), off],
  ],
  too_soon: [
    ['the last failover was just now', vetoed(10, CRASHED, ['too_soon']), crashed, failedOver(1000)],
    ['the interval ends in a millisecond', vetoed(10, CRASHED, ['too_soon']), crashed, failedOver(599_999)],
  ],
  no_candidate: [
    ['every replica is disabled', vetoed(10, CRASHED, ['no_candidate'], null), crashed, noReplica],
    [
      'the one asked for is not fit',
      vetoed(10, CRASHED, ['no_candidate'], null),
      crashed,
      onDemand({ to: 'db3' }),
      def('db3', { failover_priority: null }),
    ],
    ['the one asked for does not exist', vetoed(10, CRASHED, ['no_candidate'], null), crashed, onDemand({ to: 'db9' })],
  ],
  too_much_loss: [
    [
      'no loss is allowed, and nothing proves that there is none',
      vetoed(10, CRASHED, ['too_much_loss']),
      crashed,
      policy({ max_data_loss: 'none' }),
    ],
    [
      'a little is allowed, and more is missing',
      vetoed(10, CRASHED, ['too_much_loss']),
      crashed,
      policy({ max_data_loss: { bytes: 0xff } }),
      asReplica('db2', { lsn: lsn(0x4ffff00) }),
      asReplica('db3', { lsn: lsn(0x4ffff00) }),
    ],
    [
      'a little is allowed, and how much is missing is not known',
      vetoed(10, CRASHED, ['too_much_loss'], 'unknown'),
      crashed,
      policy({ max_data_loss: { bytes: 1e12 } }),
      state({ master_position: null }),
    ],
  ],
  fencing_required: [
    ['nothing can fence it', vetoed(9, HOST_LOST, ['fencing_required']), hostLost, policy({ require_fencing: true })],
    [
      'an operator asks without force',
      vetoed(9, HOST_LOST, ['fencing_required']),
      hostLost,
      policy({ require_fencing: true }),
      onDemand(),
    ],
  ],
  witness_unsure: [
    [
      'one replica cannot say whether it lives',
      vetoed(9, HOST_LOST, ['witness_unsure']),
      hostLost,
      port('db3', 'cannot_look'),
    ],
  ],
  writer_unasked: [
    [
      'a replica took writes on a newer timeline, and cannot be asked any more',
      vetoed(10, CRASHED, ['writer_unasked']),
      crashed,
      wrote('db2', 2),
      answers('db2', 'timeout'),
    ],
    [
      'it refuses our login: who knows what it is',
      vetoed(10, HOST_LOST, ['writer_unasked']),
      hostLost,
      wrote('db2', 2),
      answers('db2', 'rejected'),
    ],
    [
      'an operator forces it: what it took would be lost, and two could take writes',
      vetoed(10, CRASHED, ['writer_unasked']),
      crashed,
      wrote('db2', 2),
      answers('db2', 'timeout'),
      onDemand({ force: true }),
    ],
    [
      'the master is not started again either',
      vetoed(10, CRASHED, ['writer_unasked']),
      crashed,
      wrote('db2', 2),
      answers('db2', 'timeout'),
      policy({ restart_master: true }),
    ],
    [
      'no position of the master is on record',
      vetoed(10, CRASHED, ['writer_unasked'], 'unknown'),
      crashed,
      wrote('db3', 1),
      answers('db3', 'timeout'),
      state({ master_position: null }),
    ],
  ],
  hung_left_alone: [
    ['failover_on_hung is false', vetoed(8, HUNG, ['hung_left_alone']), frozen, policy({ failover_on_hung: false })],
    [
      'failover_on_hung is false, and it is off',
      vetoed(10, HUNG, ['auto_failover_off', 'hung_left_alone']),
      frozen,
      policy({ failover_on_hung: false }),
      off,
    ],
  ],
};

describe('a replica that was seen to take writes holds nothing back', () => {
  it.each<[string, readonly Change[]]>([
    ['when it answers, as a replica', [wrote('db2', 2)]],
    ['when that was on the timeline that is on record', [wrote('db2', 1), answers('db2', 'timeout')]],
    ['when it is disabled', [wrote('db2', 2), answers('db2', 'timeout'), def('db2', { enabled: false })]],
  ])('%s', (_, changes) => {
    expect(decide(situation(crashed, ...changes), furthestAhead).action.kind).toBe('fail_over');
  });
});

describe.each(Object.entries(VETOES))('veto %s', (name, rows) => {
  it.each(rows.map(([when, then, ...changes]) => ({ when, then, changes })))('$when', ({ then, changes }) => {
    const decision = decide(situation(...changes), furthestAhead);
    expect(outline(decision)).toEqual(then);
    expect(decision.vetoes.map((veto) => veto.name)).toContain(name);
    expect(decision.hint).toBeTruthy();
  });
});

const TO_DB3 = ['db3', 'db2'];

/** What is done all the same. */
const ACTED: readonly Row[] = [
  ['the pause ends at this very moment', failsOver(7, CRASHED, SIGNAL), crashed, paused(NOW)],
  ['the interval since the last failover is over', failsOver(7, CRASHED, SIGNAL), crashed, failedOver(600_000)],
  ['the last failover was acknowledged', failsOver(7, CRASHED, SIGNAL), crashed, failedOver(1000, true)],
  [
    'the last failover ended at a time to come, and is long past by min_failover_interval 0',
    failsOver(7, CRASHED, SIGNAL),
    crashed,
    failedOver(0),
    policy({ min_failover_interval: 0 }),
  ],
  [
    'an operator asks: no automatic policy applies',
    failsOver(7, CRASHED, SIGNAL),
    crashed,
    off,
    paused(null),
    failedOver(1),
    onDemand(),
  ],
  ['an operator asks for db3', failsOver(7, CRASHED, SIGNAL, ['db3']), crashed, onDemand({ to: 'db3' })],
  [
    'an operator asks, and failover_on_hung is false',
    failsOver(8, HUNG, { kind: 'kill' }),
    frozen,
    policy({ failover_on_hung: false }),
    onDemand(),
  ],
  [
    'an operator forces, although fencing is required',
    failsOver(9, HOST_LOST, { kind: 'owed' }),
    hostLost,
    policy({ require_fencing: true }),
    onDemand({ force: true }),
  ],
  [
    'an operator forces, although too much is lost',
    failsOver(7, CRASHED, SIGNAL, ['db2', 'db3'], 'unknown'),
    crashed,
    policy({ max_data_loss: 'none' }),
    state({ master_position: null }),
    onDemand({ force: true }),
  ],
  [
    'fencing is required, and can be done',
    failsOver(9, HOST_LOST, { kind: 'plugin', method: 'fence_command' }),
    hostLost,
    policy({ require_fencing: true, fence_method: 'fence_command' }),
  ],
  ['fencing is required, and ssh does it', failsOver(7, CRASHED, SIGNAL), crashed, policy({ require_fencing: true })],
  [
    'no loss is allowed, and the shutdown checkpoint proves none',
    failsOver(7, SHUT_DOWN, SIGNAL, ['db2', 'db3'], 'none'),
    shutDown,
    policy({ max_data_loss: 'none' }),
  ],
  [
    'just what is allowed is missing',
    failsOver(7, CRASHED, SIGNAL),
    crashed,
    policy({ max_data_loss: { bytes: 0x100 } }),
    asReplica('db2', { lsn: lsn(0x4ffff00) }),
    asReplica('db3', { lsn: lsn(0x4ffff00) }),
  ],
  [
    'the master is to be started again',
    refused(7, CRASHED, 'down', { action: { kind: 'restart_master', server: 'db1' }, loss: 'bounded' }),
    crashed,
    policy({ restart_master: true }),
  ],
  [
    'it is to be started again, and nobody else is fit',
    refused(7, CRASHED, 'down', { action: { kind: 'restart_master', server: 'db1' } }),
    crashed,
    policy({ restart_master: true }),
    noReplicaButWitness(),
  ],
  [
    'it was started again in vain',
    failsOver(7, CRASHED, SIGNAL),
    crashed,
    policy({ restart_master: true }),
    where({ restart_failed: 'could not start' }),
  ],
  ['it hangs: nothing can be started', failsOver(8, HUNG, { kind: 'kill' }), frozen, policy({ restart_master: true })],
  [
    'an operator asks: it is not started again',
    failsOver(7, CRASHED, SIGNAL),
    crashed,
    policy({ restart_master: true }),
    onDemand(),
  ],
  ['db3 has more', failsOver(7, CRASHED, SIGNAL, TO_DB3), crashed, asReplica('db3', { lsn: lsn(0x5000001) })],
  [
    'db2 and db3 have as much: by priority',
    failsOver(7, CRASHED, SIGNAL, TO_DB3),
    crashed,
    def('db2', { failover_priority: 9 }),
  ],
  [
    'the record of the calm is stale: the loss is unknown',
    failsOver(7, CRASHED, SIGNAL, ['db2', 'db3'], 'unknown'),
    crashed,
    state({ master_position: { at: iso(TROUBLE - 60_001), server: 'db1', timeline: 1, lsn: MASTER_LSN } }),
  ],
  [
    'it is the first failover of two replicas, one of which is down',
    failsOver(7, CRASHED, SIGNAL, ['db3']),
    crashed,
    answers('db2', 'refused'),
  ],
  [
    'a replica of another cluster is no candidate',
    failsOver(7, CRASHED, SIGNAL, ['db2']),
    crashed,
    asReplica('db3', { system_identifier: OTHER_SYSTEM, timeline: 9, lsn: lsn(0x9000000) }),
  ],
  [
    'another cluster listens where a replica was, and takes writes',
    failsOver(7, CRASHED, SIGNAL, ['db2']),
    crashed,
    asMaster('db3', { system_identifier: OTHER_SYSTEM }),
  ],
];

function noReplicaButWitness(): Change {
  return (s) =>
    [def('db2', { failover_priority: null }), def('db3', { failover_priority: null })].reduce((l, c) => c(l), s);
}

describe('acts when', () => {
  it.each(ACTED.map(([when, then, ...changes]) => ({ when, then, changes })))('$when', ({ then, changes }) => {
    expect(outline(decide(situation(...changes), furthestAhead))).toEqual(then);
  });
});

type Unfit = readonly [when: string, ...changes: readonly Change[]];

/** Every reason why a replica is not fit: each keeps db2 from being promoted, and db3 is. */
const UNFIT: Readonly<Record<UnfitReason, readonly [Unfit, ...Unfit[]]>> = {
  disabled: [['it is disabled', def('db2', { enabled: false })]],
  never_promoted: [['its failover_priority is null', def('db2', { failover_priority: null })]],
  not_the_one_asked_for: [['db3 was asked for', onDemand({ to: 'db3' })]],
  not_asked: [['it was not looked at', notAsked('db2')]],
  does_not_answer: [
    ['it is down', answers('db2', 'refused')],
    ['it is saturated', answers('db2', 'saturated')],
    ['it starts', answers('db2', 'starting')],
    ['it rejects us', answers('db2', 'rejected')],
    ['its name does not resolve', answers('db2', 'unresolved')],
  ],
  not_in_recovery: [['it takes writes for another cluster', asMaster('db2', { system_identifier: OTHER_SYSTEM })]],
  foreign_system: [
    ['its system identifier is not ours', asReplica('db2', { system_identifier: OTHER_SYSTEM })],
    ['its system identifier is not known', asReplica('db2', { system_identifier: null })],
  ],
  unknown_position: [
    ['it tells nothing of itself', withoutFacts('db2')],
    ['its position is not known', asReplica('db2', { lsn: null })],
    ['its timeline is not known', asReplica('db2', { timeline: null })],
  ],
  diverged_timeline: [
    ['it is behind a fork that nobody tells of', onTimeline2, asReplica('db2')],
    ['it went past the fork', onTimeline2, history(0x4ffffff), asReplica('db2')],
    ['its timeline is no ancestor', onTimeline2, where({ history: { timeline: 2, forks: [] } }), asReplica('db2')],
    [
      'it was not streaming on the newest timeline',
      onTimeline2,
      calm('db2', { timeline: 2, streaming: false }),
      asReplica('db2'),
    ],
    [
      'it streamed on an older timeline in the calm',
      onTimeline2,
      calm('db2', { timeline: 1 }),
      asReplica('db2', { timeline: 1 }),
    ],
    [
      'the history told is of another timeline',
      onTimeline2,
      where({ history: { timeline: 3, forks: [] } }),
      asReplica('db2'),
    ],
  ],
  missed_timeline: [
    ['nobody holds the history of the newest', onTimeline2, history(Number(MASTER_LSN), []), asReplica('db2')],
    ['another one holds it', onTimeline2, history(Number(MASTER_LSN), ['db3']), asReplica('db2')],
    [
      'an operator insists',
      onTimeline2,
      history(Number(MASTER_LSN), ['db3']),
      asReplica('db2'),
      onDemand({ force: true }),
    ],
  ],
  was_not_streaming: [
    ['it was never seen streaming', calm('db2', null)],
    ['it was not streaming before the trouble', calm('db2', { streaming: false })],
  ],
  disk_full: [
    ['its disk is full', candidateHost(looked('db2', { free_bytes: 0 }))],
    ['there is hardly room', candidateHost(looked('db2', { free_bytes: 64 * 1024 * 1024 - 1 }))],
  ],
  promotion_unreachable: [
    ['ssh does not reach it', def('db2', { promotion_method: 'promote_pg_ctl' }), candidateHost(noHost('db2'))],
    ['its host was not asked', def('db2', { promotion_method: 'promote_pg_ctl' }), withoutCandidateHost('db2')],
  ],
  promotion_failed: [['its promotion failed before', state({ operation: operation({ failed_candidates: ['db2'] }) })]],
};

function onTimeline2(s: ReturnType<typeof situation>): ReturnType<typeof situation> {
  const position = { at: iso(TROUBLE), server: 'db1', timeline: 2, lsn: MASTER_LSN };
  return [asReplica('db3', { timeline: 2 }), state({ master_position: position })].reduce(
    (last, change) => change(last),
    s,
  );
}

function history(fork: number, history_held_by: readonly string[] = ['db2', 'db3']): Change {
  return where({ history: { timeline: 2, forks: [{ timeline: 1, lsn: lsn(fork) }] }, history_held_by });
}

describe.each(Object.entries(UNFIT))('a replica is not fit: %s', (reason, rows) => {
  it.each(rows.map(([when, ...changes]) => ({ when, changes })))('$when', ({ changes }) => {
    // A failed candidate is known only within an operation, which the choice is part of.
    const decision = decide(situation(crashed, ...changes), furthestAhead);
    const { fitness } = decision.diagnosis.kind === 'operation_unfinished' ? judged(...changes) : decision;
    const db2 = fitness.find((one) => one.server === 'db2');
    expect(db2).toMatchObject({ candidate: null });
    expect(db2?.unfit.map((one) => one.reason)).toContain(reason);
    expect(db2?.unfit.every((one) => one.text !== '')).toBe(true);
    expect(fitness.find((one) => one.server === 'db3')?.unfit).toEqual([]);
  });
});

describe('a replica is fit', () => {
  it.each<[string, ...Change[]]>([
    [
      'on an ancestor of the newest timeline, up to the fork',
      onTimeline2,
      history(Number(MASTER_LSN)),
      asReplica('db2'),
    ],
    [
      'on the newest timeline in the calm, which pg_control does not name yet',
      onTimeline2,
      calm('db2', { timeline: 2 }),
      asReplica('db2'),
    ],
    ['with just enough room', candidateHost(looked('db2', { free_bytes: 64 * 1024 * 1024 }))],
    ['with room unknown', candidateHost(looked('db2', { free_bytes: null }))],
    ['out of reach of ssh, promoted by SQL', candidateHost(noHost('db2'))],
    ['with replay paused', asReplica('db2', { replay_paused: true })],
    ['without a WAL receiver now', asReplica('db2', { receiver: { kind: 'none' } })],
  ])('%s', (_, ...changes) => {
    expect(judged(...changes.filter((one) => typeof one !== 'string')).fitness[0]).toMatchObject({
      server: 'db2',
      unfit: [],
    });
  });
});

function judged(...changes: readonly Change[]): { readonly fitness: ReturnType<typeof judgeFitness> } {
  return { fitness: judgeFitness(situation(crashed, ...changes)) };
}

describe('the plan', () => {
  test('names the replicas that follow, fit or not, and the settings of the policy', () => {
    const decision = decide(
      situation(crashed, calm('db3', null), policy({ connection_failover_method: 'haproxy_update', remaster: false })),
      furthestAhead,
    );
    expect(decision.action).toEqual({
      kind: 'fail_over',
      plan: {
        old_master: 'db1',
        fence: { kind: 'signal' },
        candidates: [{ server: 'db2', lsn: MASTER_LSN, timeline: 1 }],
        replicas: ['db2', 'db3'],
        connection_method: 'haproxy_update',
        remaster: false,
      },
    });
  });

  test('leaves the others where they are when an operator says so', () => {
    const plan = (...changes: readonly Change[]) => decide(situation(crashed, ...changes), furthestAhead).action;
    const remaster = (value: boolean) => ({ kind: 'fail_over', plan: { remaster: value } });
    expect(plan(onDemand({ no_remaster: true }))).toMatchObject(remaster(false));
    expect(plan(onDemand())).toMatchObject(remaster(true));
    expect(plan(onDemand(), policy({ remaster: false }))).toMatchObject(remaster(false));
  });

  test('leaves alone what is disabled, silent or foreign', () => {
    const decision = decide(
      situation(crashed, saved('db4', {}), def('db4', { enabled: false }), asReplica('db4'), answers('db3', 'timeout')),
      furthestAhead,
    );
    expect(decision.action).toMatchObject({ kind: 'fail_over', plan: { replicas: ['db2'] } });
    const foreign = decide(situation(crashed, asReplica('db3', { system_identifier: OTHER_SYSTEM })), furthestAhead);
    expect(foreign.action).toMatchObject({ kind: 'fail_over', plan: { replicas: ['db2'] } });
  });

  test('follows the selection method, which may leave somebody out', () => {
    const candidates = (select: typeof furthestAhead): unknown =>
      outline(decide(situation(crashed, asReplica('db3', { lsn: lsn(0x5000001) })), select)).action;
    expect([byPriority, () => ['db3'], () => []].map(candidates)).toEqual([
      { kind: 'fail_over', fence: SIGNAL, to: ['db2', 'db3'] },
      { kind: 'fail_over', fence: SIGNAL, to: ['db3'] },
      { kind: 'none' },
    ]);
  });
});

test('a master on the port of a lost host, seen from one witness only, is not replaced', () => {
  const decision = decide(situation(hostLost, port('db2', 'reaches'), port('db3', 'cannot_look')), furthestAhead);
  expect(outline(decision).action).toEqual({ kind: 'none' });
});

test('a sick manager looks closer all the same, and says what it saw besides what it suffers from', () => {
  const silent = decide(situation(answers('db1', 'timeout'), booted), furthestAhead);
  expect(silent.action).toMatchObject({ kind: 'look' });
  const { evidence, details } = decide(situation(crashed, booted), furthestAhead);
  const [without, suffers] = [decide(situation(crashed), furthestAhead).evidence, evidence.at(-1)];
  expect(evidence.slice(0, -1)).toEqual(without);
  expect(details).toContain(`not now: ${suffers?.text ?? 'nothing'}`);
});
