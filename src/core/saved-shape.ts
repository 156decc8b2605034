import type {
  ArchiveRecord,
  CalmRecord,
  Candidate,
  ClockRecord,
  FenceWay,
  FormerMaster,
  FormerUpstream,
  HistoryEntry,
  JournalledStep,
  MasterPosition,
  Operation,
  Pause,
  ProxyDef,
  ProcessIdentity,
  Rebuild,
  Route,
  Routing,
  SavedFacts,
  SavedProxy,
  SavedServer,
  SavedState,
  ServerDef,
  Status,
  Step,
  StepKind,
  SyncRecord,
} from './model.js';
import type { Moment } from './moment.js';
import { CLUSTER_STATUS_NO, NO_ARCHIVE, SERVER_STATUS_NO } from './model.js';
import {
  byKind,
  count,
  flag,
  ifThere,
  isObject,
  listOf,
  moment,
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

const serverDef: Fields<ServerDef> = {
  name: text,
  hostname: text,
  port: count,
  role: oneOf('master', 'replica'),
  enabled: flag,
  connection: oneOf('ssh', 'local'),
  ssh_user: orNull(text),
  ssh_key: orNull(text),
  ssh_port: count,
  become: oneOf('sudo', 'none'),
  pgdata: text,
  pgconf: orNull(text),
  bin_dir: orNull(text),
  restart_method: text,
  promotion_method: text,
  clone_method: text,
  use_slots: flag,
  lag_limit: count,
  failover_priority: orNull(number),
};

const statusFields = (names: readonly string[]): Fields<Status<string>> => ({
  status: oneOf(...names),
  status_no: count,
  status_ts: orNull(moment),
  status_message: text,
});

const calm: Fields<CalmRecord> = {
  at: moment,
  streaming: flag,
  lsn: orNull(position),
  timeline: orNull(count),
  application_name: orNull(text),
};

const facts: Fields<SavedFacts> = {
  at: moment,
  in_recovery: flag,
  timeline: orNull(count),
  lsn: orNull(position),
  lag_bytes: orNull(count),
  streaming: orNull(flag),
  version: orNull(count),
  took: orNull(number),
};

const server: Fields<SavedServer> = {
  def: objectOf(serverDef),
  status: objectOf(statusFields(Object.keys(SERVER_STATUS_NO))),
  calm: orNull(objectOf(calm)),
  facts: orNull(objectOf(facts)),
};

const proxyDef: Fields<ProxyDef> = {
  name: text,
  hostname: text,
  port: count,
  role: oneOf('pgbouncer', 'haproxy'),
  enabled: flag,
  connection: oneOf('ssh', 'local'),
  ssh_user: orNull(text),
  ssh_key: orNull(text),
  ssh_port: count,
  become: oneOf('sudo', 'none'),
  admin_user: orNull(text),
  config_file: orNull(text),
};

const route: Fields<Route> = { master: text, replicas: listOf(text) };
const routing: Fields<Routing> = { route: orNull(objectOf(route)), owed: orNull(moment) };

const proxy: Fields<SavedProxy> = {
  def: objectOf(proxyDef),
  status: objectOf(statusFields(Object.keys(SERVER_STATUS_NO))),
  ...routing,
};

const archive: Fields<ArchiveRecord> = { master: orNull(text), owed: listOf(text), gap: flag, tried: orNull(moment) };

const sync: Fields<SyncRecord> = {
  at: moment,
  setting: text,
  commit: text,
  standbys: listOf(objectOf({ application_name: text, sync_state: text })),
};

const masterPosition: Fields<MasterPosition> = { at: moment, server: text, timeline: count, lsn: position };

const formerMaster: Fields<FormerMaster> = {
  server: text,
  since: moment,
  reason: text,
  timeline: orNull(count),
  fenced: orNull(moment),
  rejoin_failures: count,
};

const processIdentity: Fields<ProcessIdentity> = {
  pid: count,
  started: text,
  host: text,
  machine: text,
  boot_id: text,
};

const rebuild: Fields<Rebuild> = {
  server: text,
  kind: oneOf('clone', 'rejoin'),
  method: text,
  source: text,
  run: text,
  begun: moment,
  owner: objectOf(processIdentity),
  touched: flag,
  broken: orNull(text),
};

const pause: Fields<Pause> = { since: moment, until: orNull(moment), reason: text };
const clock: Fields<ClockRecord> = { boot_id: text, wall_ms: number, uptime_ms: number };
const candidate: Fields<Candidate> = { server: text, lsn: position, timeline: count };

/** What each kind has beside its `kind`. */
const WAYS: Readonly<Record<FenceWay['kind'], Check>> = {
  signal: objectOf({}),
  kill: objectOf({}),
  plugin: objectOf({ method: text }),
  owed: objectOf({}),
};

const STEPS: Readonly<Record<StepKind, Check>> = {
  before_commands: objectOf({ commands: listOf(text), new_master: text, force: flag }),
  fence_old_master: objectOf({ server: text, way: byKind(WAYS) } satisfies Omit<FieldsOf<'fence_old_master'>, 'kind'>),
  stop_receivers: objectOf({ servers: listOf(text) }),
  choose: objectOf({ candidates: listOf(objectOf(candidate)) }),
  checkpoint: objectOf({ servers: listOf(text) }),
  pause_connections: objectOf({ method: text }),
  stop_old_master: objectOf({ server: text }),
  prove_candidate: objectOf({ server: text }),
  promote: objectOf({}),
  prove_writes: objectOf({}),
  record: objectOf({}),
  move_connections: objectOf({ method: text }),
  remaster: objectOf({ servers: listOf(text) }),
  return_old_master: objectOf({ server: text }),
  extra_commands: objectOf({}),
};

type FieldsOf<K extends StepKind> = Fields<Extract<Step, { kind: K }>>;

const step: Fields<JournalledStep> = {
  step: byKind(STEPS),
  state: oneOf('pending', 'begun', 'done', 'failed', 'skipped'),
  begun: orNull(moment),
  ended: orNull(moment),
  note: orNull(text),
};

const formerUpstream: Fields<FormerUpstream> = {
  server: text,
  host: orNull(text),
  hostaddr: orNull(text),
  port: orNull(text),
};

/** What keeps a value from being a list of moments. */
export const checkMoments: Check = listOf(
  objectOf({ what: text, at: moment, ms: orNull(number) } satisfies Fields<Moment>),
);

const operation: Fields<Operation> = {
  id: text,
  kind: text,
  automatic: flag,
  begun: moment,
  run: text,
  old_master: text,
  new_master: orNull(text),
  failed_candidates: listOf(text),
  steps: listOf(objectOf(step)),
  former_upstreams: listOf(objectOf(formerUpstream)),
  shutdown_checkpoint: orNull(objectOf({ timeline: count, lsn: position })),
  evidence: listOf(text),
  loss: text,
  moments: ifThere(checkMoments),
};

/** The past is looked at and not acted on: an operation of a kind that is not known here does no harm in it. */
const history: Fields<HistoryEntry> = {
  id: text,
  kind: text,
  automatic: flag,
  begun: moment,
  ended: moment,
  result: text,
  details: text,
  old_master: orNull(text),
  new_master: orNull(text),
  evidence: listOf(text),
  loss: orNull(text),
  steps: listOf(objectOf({})),
  moments: ifThere(checkMoments),
};

const state: Fields<SavedState> = {
  format: oneOf(1),
  generation: count,
  updated: moment,
  cluster_name: text,
  system_identifier: orNull(text),
  cluster: objectOf(statusFields(Object.keys(CLUSTER_STATUS_NO))),
  servers: recordOf(objectOf(server)),
  proxies: recordOf(objectOf(proxy)),
  routing: objectOf(routing),
  archive: objectOf(archive),
  last_poll: orNull(moment),
  last_verify: orNull(moment),
  master_position: orNull(objectOf(masterPosition)),
  silent_since: orNull(moment),
  rebooted_since_calm: flag,
  sync: orNull(objectOf(sync)),
  former_masters: listOf(objectOf(formerMaster)),
  rebuilds: listOf(objectOf(rebuild)),
  pause: orNull(objectOf(pause)),
  clock: orNull(objectOf(clock)),
  operation: orNull(objectOf(operation)),
  last_failover: orNull(objectOf({ ended: moment, acknowledged: flag })),
  history: listOf(objectOf(history)),
};

/**
 * Gives a state that an earlier HandyRep wrote in this format the fields that came later. What is no state at all is left
 * as it is, for {@link checkState} to refuse.
 */
export function completeState(value: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const former = value['former_masters'];
  const unfinished = value['operation'];
  return {
    ...value,
    servers: completeServers(value['servers']),
    rebuilds: value['rebuilds'] ?? [],
    rebooted_since_calm: value['rebooted_since_calm'] ?? false,
    proxies: value['proxies'] ?? {},
    routing: value['routing'] ?? { route: null, owed: null },
    archive: value['archive'] ?? NO_ARCHIVE,
    operation: isObject(unfinished) ? { shutdown_checkpoint: null, ...unfinished } : unfinished,
    former_masters: Array.isArray(former)
      ? former.map((one: unknown) => (isObject(one) ? { rejoin_failures: 0, ...one } : one))
      : former,
  };
}

function completeServers(servers: unknown): unknown {
  if (!isObject(servers)) return servers;
  const complete = (one: unknown): unknown =>
    isObject(one) && isObject(one['facts']) ? { ...one, facts: { took: null, ...one['facts'] } } : one;
  return Object.fromEntries(Object.entries(servers).map(([name, one]) => [name, complete(one)]));
}

/** What keeps a value from being a saved state, by the path to it; null when it is one. */
export const checkState: Check = (value, path) => objectOf(state)(value, path) ?? checkNames(value);

function checkNames(value: unknown): string | null {
  for (const group of ['servers', 'proxies']) {
    const entries = isObject(value) ? value[group] : null;
    if (!isObject(entries)) return `${group} is not an object`;
    for (const [name, entry] of Object.entries(entries)) {
      const def = isObject(entry) ? entry['def'] : null;
      if (!isObject(def) || def['name'] !== name) return `${group}.${name}.def.name is not ${name}`;
    }
  }
  return null;
}
