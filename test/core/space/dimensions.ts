import type { SavedState, StepKind } from '../../../src/core/model.js';
import type { Heartbeat, HostLook, ManagerObservation, ServerObservation } from '../../../src/core/observation.js';
import { failoverSteps, journal, switchoverSteps } from '../../../src/core/plan.js';
import {
  CALM,
  type Change,
  HOSTS,
  MASTER_LSN,
  NOW,
  OTHER_SYSTEM,
  QUIET,
  STOPPED,
  SYSTEM,
  TROUBLE,
  asMaster,
  asReplica,
  calm,
  candidateHost,
  control,
  def,
  factsOf,
  iso,
  looked,
  lsn,
  noHost,
  observation,
  onDemand,
  operation,
  policy,
  savedServer,
  state,
  where,
  withoutCandidateHost,
  wrote,
} from '../build.js';
import type { Dimensions, Row } from './covering.js';

/*
 * What one situation can differ in. Three groups: what is seen of the cluster, whose every combination is tried, since that is
 * what a diagnosis is made from; what holds back or colours a decision (policy, requests, our own health, memory of the
 * past); and unfinished operations.
 */

const SILENCE = ['refused', 'timeout', 'unreachable'] as const;
const UP_AND_UNUSABLE = ['saturated', 'starting', 'stopping', 'rejected', 'unresolved'] as const;
export const MASTER_ANSWERS = [
  'writes',
  'acknowledges no write',
  'in recovery',
  'read only',
  'foreign',
  'tells nothing',
  'not looked at',
  ...UP_AND_UNUSABLE,
  ...SILENCE,
] as const;
export const REPLICA_ANSWERS = [
  'streams',
  'hears the master',
  'behind',
  'writes on the old timeline',
  'writes on a newer timeline',
  'writes, read only',
  'foreign',
  'tells nothing',
  'not looked at',
  ...UP_AND_UNUSABLE,
  ...SILENCE,
] as const;
export type Answer = (typeof MASTER_ANSWERS)[number] | (typeof REPLICA_ANSWERS)[number];

const BEHIND = lsn(MASTER_LSN - 5000n);
const HEARD = { ...QUIET, receipt_age_ms: 10 } as const;

/** What a look at a server that answers in this way finds; null: it is not looked at. */
export function answerOf(server: string, answer: Answer): ServerObservation | null {
  const replica = (change = {}): ServerObservation => observation(server, 'accepting', factsOf('replica', change));
  const master = (change = {}): ServerObservation => observation(server, 'accepting', factsOf('master', change));
  switch (answer) {
    case 'writes':
    case 'writes on the old timeline':
      return master();
    case 'acknowledges no write':
      return { ...master(), write: { kind: 'hangs', detail: 'a write has waited for 7 s' } };
    case 'writes on a newer timeline':
      return master({ timeline: 2 });
    case 'read only':
      return master({ read_only: true });
    case 'writes, read only':
      return master({ read_only: true, timeline: 2 });
    case 'foreign':
      return master({ system_identifier: OTHER_SYSTEM, timeline: 9 });
    case 'tells nothing':
      return observation(server, 'accepting');
    case 'not looked at':
      return null;
    case 'in recovery':
    case 'streams':
      return replica();
    case 'hears the master':
      return replica({ receiver: HEARD });
    case 'behind':
      return replica({ lsn: BEHIND, receive_lsn: BEHIND, replay_lsn: BEHIND });
    case 'saturated':
    case 'starting':
    case 'stopping':
    case 'rejected':
    case 'unresolved':
    case 'refused':
    case 'timeout':
    case 'unreachable':
      return observation(server, answer);
  }
}

const GONE = { postmaster: { kind: 'not_running' }, port: 'cannot_reach' } as const;

/** What a look at the master's host finds. */
export const HOST_ANSWERS: Readonly<Record<string, HostLook>> = {
  ...HOSTS,
  starting_up: looked('db1', { ...GONE, control: control('starting up') }),
  made_a_replica: looked('db1', { ...GONE, control: control('shut down in recovery') }),
  other_cluster: looked('db1', { ...GONE, control: control('in production', { system_identifier: OTHER_SYSTEM }) }),
  no_control: looked('db1', { ...GONE, control: null }),
  stopped: STOPPED,
  frozen_untried: looked('db1', { port: 'cannot_look', control: control('in production') }),
  gone_and_answers: looked('db1', { ...GONE, port: 'reaches', control: control('in production') }),
};

/** A dimension: what each of its levels changes in a situation. */
type Levels = Readonly<Record<string, Change>>;
const asItIs: Change = (s) => s;

function formerMaster(server: string, fenced: boolean, timeline: number | null = 2): SavedState['former_masters'] {
  return [
    { server, since: iso(CALM), reason: 'replaced', timeline, fenced: fenced ? iso(CALM) : null, rejoin_failures: 0 },
  ];
}

/** A former master db4, disabled, and what is seen of it. */
function former(fenced: boolean, timeline: number | null, seen: Change): Change {
  return (s) => {
    const db4 = savedServer('db4', { calm: null });
    const servers = { ...s.state.servers, db4: { ...db4, def: { ...db4.def, enabled: false } } };
    return seen(state({ servers, former_masters: formerMaster('db4', fenced, timeline) })(s));
  };
}

/** A session held on the master told where that was, just before the trouble. */
function heard(change: Partial<Heartbeat>): Change {
  const heartbeat = { server: 'db1', at: TROUBLE - 200, system_identifier: SYSTEM, timeline: 1 };
  return where({ heartbeat: { ...heartbeat, lsn: lsn(MASTER_LSN + 3000n), ...change } });
}

const clock = { boot_id: 'boot-1', wall_ms: CALM, uptime_ms: 1_000_000 };
/** What our clocks showed when the check began, if it was set back by two seconds since. */
const ahead = ({ wall_ms, uptime_ms }: ManagerObservation): NonNullable<ManagerObservation['began']> => ({
  wall_ms: wall_ms - 1000,
  uptime_ms: uptime_ms - 3000,
});
const SYNC = {
  at: iso(CALM),
  setting: 'ANY 1 (db2, db3)',
  commit: 'on',
  standbys: ['db2', 'db3'].map((application_name) => ({ application_name, sync_state: 'quorum' })),
};

/** What holds back or colours a decision. */
const CIRCUMSTANCES = {
  auto_failover: { on: asItIs, off: policy({ auto_failover: false }) },
  require_fencing: { no: asItIs, yes: policy({ require_fencing: true }) },
  fence_method: { none: asItIs, set: policy({ fence_method: 'fence_command' }) },
  restart_master: { no: asItIs, yes: policy({ restart_master: true }) },
  restart_failed: { no: asItIs, yes: where({ restart_failed: 'it did not start' }) },
  failover_on_hung: { yes: asItIs, no: policy({ failover_on_hung: false }) },
  max_data_loss: {
    unlimited: asItIs,
    none: policy({ max_data_loss: 'none' }),
    some: policy({ max_data_loss: { bytes: 1000 } }),
  },
  min_witnesses: { one: asItIs, none: policy({ min_witnesses: 0 }), two: policy({ min_witnesses: 2 }) },
  pause: {
    no: asItIs,
    endless: state({ pause: { since: iso(CALM), until: null, reason: '' } }),
    running: state({ pause: { since: iso(CALM), until: iso(NOW + 1), reason: 'maintenance' } }),
    over: state({ pause: { since: iso(CALM), until: iso(NOW), reason: 'maintenance' } }),
  },
  last_failover: {
    none: asItIs,
    recent: state({ last_failover: { ended: iso(NOW - 599_999), acknowledged: false } }),
    acknowledged: state({ last_failover: { ended: iso(NOW - 1), acknowledged: true } }),
    old: state({ last_failover: { ended: iso(NOW - 600_000), acknowledged: false } }),
  },
  on_demand: {
    no: asItIs,
    yes: onDemand(),
    db3: onDemand({ to: 'db3' }),
    forced: onDemand({ force: true }),
    forced_db2: onDemand({ to: 'db2', force: true, no_remaster: true }),
  },
  ourselves: {
    well: asItIs,
    never_ran: state({ clock: null }),
    booted: state({ clock: { ...clock, boot_id: 'boot-0' } }),
    jumped_ahead: state({ clock: { ...clock, wall_ms: CALM - 10_001 } }),
    jumped_back: state({ clock: { ...clock, wall_ms: CALM + 10_001 } }),
    set_back_meanwhile: (s) => ({ ...s, manager: { ...s.manager, began: ahead(s.manager) } }),
    unwritable: (s) => ({ ...s, manager: { ...s.manager, state_unwritable: 'ENOSPC' } }),
  },
  active: { yes: asItIs, no: where({ active: { active: false, detail: 'another is' } }) },
  former: {
    none: asItIs,
    away: former(false, 2, asItIs),
    silent: former(false, null, (s) => ({ ...s, servers: { ...s.servers, db4: observation('db4', 'timeout') } })),
    back: former(true, 2, asMaster('db4')),
    back_owed: former(false, null, asMaster('db4', { timeline: 3 })),
    back_on_that: former(true, 2, asMaster('db4', { timeline: 2 })),
    back_read_only: former(false, 2, asMaster('db4', { read_only: true })),
    fenced: former(true, 2, asReplica('db4')),
    back_on_newer: former(true, 2, asMaster('db4', { timeline: 3 })),
    the_replica: state({ former_masters: formerMaster('db3', true, null) }),
  },
  disk: {
    room: asItIs,
    full: (s) => ['db2', 'db3'].reduce((t, name) => candidateHost(looked(name, { free_bytes: 67_108_863 }))(t), s),
    db2_full: candidateHost(looked('db2', { free_bytes: 0 })),
    db2_enough: candidateHost(looked('db2', { free_bytes: 67_108_864 })),
    untold: candidateHost(looked('db2', { free_bytes: null })),
    no_ssh: (s) => ['db2', 'db3'].reduce((t, name) => candidateHost(noHost(name))(t), s),
    not_asked: (s) => ['db2', 'db3'].reduce((t, name) => withoutCandidateHost(name)(t), s),
  },
  db2: {
    plain: asItIs,
    disabled: def('db2', { enabled: false }),
    never: def('db2', { failover_priority: null }),
    by_command: def('db2', { promotion_method: 'promote_pg_ctl' }),
    no_lag: def('db2', { lag_limit: 0 }),
  },
  db3: { plain: asItIs, disabled: def('db3', { enabled: false }), never: def('db3', { failover_priority: null }) },
  before: {
    streamed: asItIs,
    db2_did_not: calm('db2', { streaming: false }),
    db3_did_not: calm('db3', { streaming: false }),
    db2_unseen: calm('db2', null),
    nobody: (s) => calm('db2', { streaming: false })(calm('db3', null)(s)),
  },
  writer: {
    none: asItIs,
    db2: wrote('db2', 2),
    db3: wrote('db3', 2),
    on_the_recorded: wrote('db2', 1),
  },
  timelines: {
    one: asItIs,
    recorded_newer: state({ master_position: { at: iso(CALM), server: 'db1', timeline: 2, lsn: MASTER_LSN } }),
    newer_with_history: (s) => ({
      ...state({ master_position: { at: iso(CALM), server: 'db1', timeline: 2, lsn: MASTER_LSN } })(s),
      history: { timeline: 2, forks: [{ timeline: 1, lsn: MASTER_LSN }] },
      history_held_by: ['db2', 'db3'],
    }),
    db2_missed_it: (s) => ({
      ...state({ master_position: { at: iso(CALM), server: 'db1', timeline: 2, lsn: MASTER_LSN } })(s),
      history: { timeline: 2, forks: [{ timeline: 1, lsn: MASTER_LSN }] },
      history_held_by: ['db3'],
    }),
    diverged: (s) => ({
      ...state({ master_position: { at: iso(CALM), server: 'db1', timeline: 2, lsn: MASTER_LSN } })(s),
      history: { timeline: 2, forks: [{ timeline: 1, lsn: lsn(MASTER_LSN - 1n) }] },
      history_held_by: ['db2', 'db3'],
    }),
  },
  memory: {
    fresh: asItIs,
    stale: state({ master_position: { at: iso(TROUBLE - 60_001), server: 'db1', timeline: 1, lsn: MASTER_LSN } }),
    none: state({ master_position: null }),
    ahead: state({ master_position: { at: iso(CALM), server: 'db1', timeline: 1, lsn: lsn(MASTER_LSN + 2000n) } }),
    silent_for_long: state({ silent_since: iso(CALM + 1) }),
    no_system: state({ system_identifier: null }),
  },
  heartbeat: {
    none: asItIs,
    ahead: heard({}),
    elsewhere: heard({ system_identifier: OTHER_SYSTEM, lsn: lsn(MASTER_LSN + 9000n) }),
    of_before: heard({ at: TROUBLE - 60_001, lsn: lsn(MASTER_LSN + 9000n) }),
  },
  sync: {
    none: asItIs,
    quorum: state({ sync: SYNC }),
    both: state({ sync: { ...SYNC, setting: 'FIRST 2 (db2, db3)' } }),
    local: state({ sync: { ...SYNC, commit: 'local' } }),
    stale: state({ sync: { ...SYNC, at: iso(TROUBLE - 60_001) } }),
    stranger: state({ sync: { ...SYNC, setting: 'ANY 1 (db2, elsewhere)' } }),
  },
} satisfies Readonly<Record<string, Levels>>;

export const CIRCUMSTANCE_LEVELS: Dimensions = Object.fromEntries(
  Object.entries(CIRCUMSTANCES).map(([name, levels]) => [name, Object.keys(levels)]),
);

/** The change that makes a row's circumstances of any situation. */
export function circumstances(row: Row): Change {
  const changes = Object.entries(CIRCUMSTANCES).flatMap(([name, levels]: [string, Levels]) => {
    const change = levels[row[name] ?? ''];
    return change === undefined || change === asItIs ? [] : [change];
  });
  return (s) => changes.reduce((last, change) => change(last), s);
}

const CANDIDATE = { server: 'db2', lsn: MASTER_LSN, timeline: 1 };
const PLANS = {
  failover: failoverSteps({
    old_master: 'db1',
    fence: { kind: 'kill' },
    candidates: [CANDIDATE],
    replicas: ['db2', 'db3'],
    connection_method: 'multi_pgbouncer',
    remaster: true,
  }),
  switchover: switchoverSteps({
    old_master: 'db1',
    new_master: 'db2',
    others: ['db3'],
    connection_method: 'multi_pgbouncer',
    remaster: true,
  }),
};

/** An operation that was left at this step, which was begun, failed, or was only to come. */
interface Unfinished {
  readonly name: string;
  readonly change: Change;
  readonly step: StepKind;
}

export const UNFINISHED: readonly Unfinished[] = (['failover', 'switchover'] as const).flatMap((kind) =>
  PLANS[kind].flatMap((step, at) =>
    (['pending', 'begun', 'failed'] as const).flatMap((left) =>
      [null, 'db2'].map((new_master): Unfinished => {
        const steps = journal(PLANS[kind]).map((one, index) => {
          if (index > at) return one;
          return { ...one, state: index < at ? ('done' as const) : left };
        });
        const change = state({ operation: operation({ kind, steps, new_master }) });
        return { name: `${kind} ${left} at ${step.kind}`, change, step: step.kind };
      }),
    ),
  ),
);
