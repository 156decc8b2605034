import type { FailoverPolicy } from './model.js';
import type {
  CloserLook,
  ConnectedStandby,
  ControlFile,
  Heartbeat,
  HostLook,
  ManagerObservation,
  PortLook,
  Postmaster,
  ReachKind,
  Receiver,
  ServerObservation,
  SqlFacts,
  TimelineHistory,
  WitnessLook,
  WriteLook,
} from './observation.js';
import type { Attempts, OnDemand, Situation } from './situation.js';
import { checkState, completeState } from './saved-shape.js';
import {
  byKind,
  count,
  flag,
  ifThere,
  isObject,
  listOf,
  number,
  objectOf,
  oneOf,
  orNull,
  position,
  recordOf,
  text,
  type Check,
  type Fields,
} from './shape.js';

const lossLimit: Check = (value, path) =>
  value === 'none' || value === 'unlimited' ? null : objectOf({ bytes: count })(value, path);

const policy: Fields<FailoverPolicy> = {
  auto_failover: flag,
  poll_interval: count,
  verify_interval: count,
  fail_retries: count,
  fail_retry_interval: count,
  recovery_retries: count,
  remaster: flag,
  restart_master: flag,
  auto_rejoin: flag,
  fence_method: orNull(text),
  require_fencing: flag,
  min_witnesses: count,
  failover_on_hung: flag,
  max_data_loss: lossLimit,
  min_failover_interval: count,
  connection_failover_method: orNull(text),
};

/** The settings that decide, and no others that the configuration may have beside them. */
export function policyOnly(whole: FailoverPolicy): FailoverPolicy {
  const kept = Object.entries(whole).filter(([key]) => Object.hasOwn(policy, key));
  // Fields<> has every key of a policy.
  return Object.fromEntries(kept) as unknown as FailoverPolicy;
}

const manager: Fields<ManagerObservation> = {
  boot_id: text,
  wall_ms: number,
  uptime_ms: number,
  began: ifThere(objectOf({ wall_ms: number, uptime_ms: number })),
  state_unwritable: orNull(text),
};

/** Words that a union of the model has, each of them once. */
const wordsOf = (words: Readonly<Record<string, true>>): Check => oneOf(...Object.keys(words));

const REACH = {
  accepting: true,
  saturated: true,
  starting: true,
  stopping: true,
  rejected: true,
  refused: true,
  timeout: true,
  unreachable: true,
  unresolved: true,
} as const satisfies Record<ReachKind, true>;

const PORT = {
  reaches: true,
  cannot_reach: true,
  unresolved: true,
  cannot_look: true,
} as const satisfies Record<PortLook, true>;

const CONTROL = {
  'starting up': true,
  'shut down': true,
  'shut down in recovery': true,
  'shutting down': true,
  'in crash recovery': true,
  'in archive recovery': true,
  'in production': true,
} as const satisfies Record<ControlFile['state'], true>;

type Kinds<T extends { readonly kind: string }> = Readonly<Record<T['kind'], Check>>;

const RECEIVER: Kinds<Receiver> = {
  none: objectOf({}),
  hidden: objectOf({}),
  running: objectOf({
    kind: text,
    status: text,
    receipt_age_ms: orNull(number),
    sender_host: orNull(text),
    sender_port: orNull(count),
    slot_name: orNull(text),
    timeline: orNull(count),
  } satisfies Fields<Extract<Receiver, { kind: 'running' }>>),
};

const standby: Fields<ConnectedStandby> = {
  application_name: text,
  state: text,
  sync_state: text,
  flush_lsn: orNull(position),
};

const facts: Fields<SqlFacts> = {
  in_recovery: flag,
  system_identifier: orNull(text),
  timeline: orNull(count),
  version: orNull(count),
  lsn: orNull(position),
  receive_lsn: orNull(position),
  replay_lsn: orNull(position),
  replay_paused: flag,
  replay_age_ms: orNull(number),
  receiver: orNull(byKind(RECEIVER)),
  application_name: orNull(text),
  read_only: flag,
  sync: orNull(objectOf({ setting: text, commit: text, standbys: listOf(objectOf(standby)) })),
};

const WRITE: Kinds<WriteLook> = {
  acknowledged: objectOf({}),
  hangs: objectOf({ detail: text }),
  fails: objectOf({ detail: text }),
};

const seen: Fields<ServerObservation> = {
  server: text,
  at: number,
  took: number,
  reach: objectOf({ kind: wordsOf(REACH), detail: text }),
  facts: orNull(objectOf(facts)),
  write: ifThere(byKind(WRITE)),
};

const control: Fields<ControlFile> = {
  system_identifier: text,
  state: wordsOf(CONTROL),
  checkpoint_lsn: position,
  timeline: count,
};

const POSTMASTER: Kinds<Postmaster> = {
  running: objectOf({ pid: count, state: text }),
  not_running: objectOf({}),
  unknown: objectOf({ detail: text }),
};

const HOST: Kinds<HostLook> = {
  no_answer: objectOf({ server: text, detail: text }),
  looked: objectOf({
    kind: text,
    server: text,
    postmaster: byKind(POSTMASTER),
    port: wordsOf(PORT),
    control: orNull(objectOf(control)),
    standby_signal: flag,
    free_bytes: orNull(number),
    detail: text,
  } satisfies Fields<Extract<HostLook, { kind: 'looked' }>>),
};

const witness: Fields<WitnessLook> = {
  server: text,
  seen: objectOf(seen),
  port: wordsOf(PORT),
  port_detail: text,
};

const closer: Fields<CloserLook> = {
  host: byKind(HOST),
  witnesses: listOf(objectOf(witness)),
  candidate_hosts: listOf(byKind(HOST)),
};

const attempts: Fields<Attempts> = { made: count, wanted: count, begun: ifThere(count) };

const timelines: Fields<TimelineHistory> = {
  timeline: count,
  forks: listOf(objectOf({ timeline: count, lsn: position })),
};

const heartbeat: Fields<Heartbeat> = {
  server: text,
  at: number,
  system_identifier: text,
  timeline: count,
  lsn: position,
};

const demand: Fields<Omit<OnDemand, 'no_remaster'>> = { to: orNull(text), force: flag };

const situation: Fields<Situation> = {
  now: number,
  policy: objectOf(policy),
  state: checkState,
  manager: objectOf(manager),
  active: objectOf({ active: flag, detail: text }),
  servers: recordOf(objectOf(seen)),
  attempts: objectOf(attempts),
  trouble_since: orNull(number),
  closer: orNull(objectOf(closer)),
  history: orNull(objectOf(timelines)),
  history_held_by: listOf(text),
  heartbeat: ifThere(objectOf(heartbeat)),
  restart_failed: orNull(text),
  on_demand: orNull(objectOf(demand)),
};

/** What keeps a value from being a situation, by the path to it; null when it is one. */
export const checkSituation: Check = objectOf(situation);

/** Gives a situation that an earlier HandyRep recorded the fields that came later, and its saved state too. */
export function completeSituation(value: unknown): unknown {
  if (!isObject(value) || !isObject(value['state'])) return value;
  return { history_held_by: [], ...value, state: completeState(value['state']) };
}
