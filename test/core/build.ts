import type { Decision } from '../../src/core/decision.js';
import type { Diagnosis } from '../../src/core/diagnosis.js';
import type { Loss } from '../../src/core/loss.js';
import { type Lsn, lsnFromNumber } from '../../src/core/lsn.js';
import type {
  CalmRecord,
  ClusterStatusName,
  FailoverPolicy,
  FenceWay,
  Operation,
  ProxyDef,
  Role,
  SavedProxy,
  SavedServer,
  SavedState,
  ServerDef,
  Rebuild,
} from '../../src/core/model.js';
import type {
  CloserLook,
  ControlFile,
  ControlState,
  HostLook,
  PortLook,
  Postmaster,
  ReachKind,
  Receiver,
  ServerObservation,
  SqlFacts,
  WitnessLook,
  WriteLook,
} from '../../src/core/observation.js';
import type { OnDemand, Situation } from '../../src/core/situation.js';
import type { VetoName } from '../../src/core/decision.js';

/*
 * Three servers: db1 the master, db2 and db3 replicas that stream from it. A test states only what is different.
 */

export const NOW = Date.parse('2026-03-01T12:00:00.000Z');
/** When the first look that found the master silent began. */
export const TROUBLE = NOW - 4000;
/** The last round in which all was well: two seconds before any trouble. */
export const CALM = TROUBLE - 2000;
export const SYSTEM = '7300000000000000001';
export const OTHER_SYSTEM = '7300000000000000002';
/** Where the master stood in the calm. */
export const MASTER_LSN = lsn(0x5000000);

export function lsn(value: number | bigint): Lsn {
  return lsnFromNumber(BigInt(value));
}

export function iso(at: number): string {
  return new Date(at).toISOString();
}

export function serverDef(name: string, change: Partial<ServerDef> = {}): ServerDef {
  return {
    name,
    hostname: `${name}.example.com`,
    port: 5432,
    role: name === 'db1' ? 'master' : 'replica',
    enabled: true,
    connection: 'ssh',
    ssh_user: 'handyrep',
    ssh_key: null,
    ssh_port: 22,
    become: 'sudo',
    pgdata: '/var/lib/postgresql/15/main',
    pgconf: null,
    bin_dir: null,
    restart_method: 'restart_pg_ctl',
    promotion_method: 'promote_sql',
    clone_method: 'clone_basebackup',
    use_slots: true,
    lag_limit: 100 * 1024 * 1024,
    failover_priority: Number(name.slice(2)),
    ...change,
  };
}

export const DEFAULT_POLICY: FailoverPolicy = {
  auto_failover: true,
  poll_interval: 5000,
  verify_interval: 3_600_000,
  fail_retries: 3,
  fail_retry_interval: 1000,
  recovery_retries: 30,
  remaster: true,
  restart_master: false,
  auto_rejoin: false,
  fence_method: null,
  require_fencing: false,
  min_witnesses: 1,
  failover_on_hung: true,
  max_data_loss: 'unlimited',
  min_failover_interval: 600_000,
  connection_failover_method: null,
};

function calmRecord(name: string): CalmRecord | null {
  if (name === 'db1') return null;
  return { at: iso(CALM), streaming: true, lsn: MASTER_LSN, timeline: 1, application_name: name };
}

export function proxyDef(name: string, change: Partial<ProxyDef> = {}): ProxyDef {
  return {
    name,
    hostname: `${name}.example.com`,
    port: 6432,
    role: 'pgbouncer',
    enabled: true,
    connection: 'ssh',
    ssh_user: 'handyrep',
    ssh_key: null,
    ssh_port: 22,
    become: 'sudo',
    admin_user: null,
    config_file: null,
    ...change,
  };
}

export function savedProxy(name: string, change: Partial<SavedProxy> = {}): SavedProxy {
  const status = { status: 'healthy', status_no: 1, status_ts: iso(CALM), status_message: 'as it should be' } as const;
  return { def: proxyDef(name), status, route: { master: 'db1', replicas: ['db2', 'db3'] }, owed: null, ...change };
}

export function savedServer(name: string, change: Partial<SavedServer> = {}): SavedServer {
  return {
    def: serverDef(name),
    status: { status: 'healthy', status_no: 1, status_ts: iso(CALM), status_message: 'as it should be' },
    calm: calmRecord(name),
    facts: null,
    ...change,
  };
}

function savedState(change: Partial<SavedState> = {}): SavedState {
  return {
    format: 1,
    generation: 7,
    updated: iso(CALM),
    cluster_name: 'app',
    system_identifier: SYSTEM,
    cluster: { status: 'healthy', status_no: 1, status_ts: iso(CALM), status_message: 'the master db1 is up' },
    servers: { db1: savedServer('db1'), db2: savedServer('db2'), db3: savedServer('db3') },
    last_poll: iso(CALM),
    last_verify: iso(CALM),
    master_position: { at: iso(CALM), server: 'db1', timeline: 1, lsn: MASTER_LSN },
    sync: { at: iso(CALM), setting: '', commit: 'on', standbys: [] },
    former_masters: [],
    rebuilds: [],
    rebooted_since_calm: false,
    proxies: {},
    routing: { route: null, owed: null },
    archive: { master: null, owed: [], gap: false, tried: null },
    silent_since: null,
    pause: null,
    clock: { boot_id: 'boot-1', wall_ms: CALM, uptime_ms: 1_000_000 },
    operation: null,
    last_failover: null,
    history: [],
    ...change,
  };
}

/** A receiver that still shows `streaming` and heard nothing since the trouble began. */
export const QUIET: Extract<Receiver, { kind: 'running' }> = {
  kind: 'running',
  status: 'streaming',
  receipt_age_ms: 20_000,
  sender_host: 'db1.example.com',
  sender_port: 5432,
  slot_name: null,
  timeline: 1,
};

export function factsOf(role: Role, change: Partial<SqlFacts> = {}): SqlFacts {
  const replica = role === 'replica';
  return {
    in_recovery: replica,
    system_identifier: SYSTEM,
    timeline: 1,
    version: 150_018,
    lsn: MASTER_LSN,
    receive_lsn: replica ? MASTER_LSN : null,
    replay_lsn: replica ? MASTER_LSN : null,
    replay_paused: false,
    replay_age_ms: replica ? 100 : null,
    receiver: replica ? QUIET : null,
    application_name: null,
    read_only: false,
    sync: replica ? null : { setting: '', commit: 'on', standbys: [] },
    ...change,
  };
}

export function observation(server: string, kind: ReachKind, facts: SqlFacts | null = null): ServerObservation {
  const detail = kind === 'accepting' ? '' : `answer ${kind}`;
  return { server, at: NOW, took: 12, reach: { kind, detail }, facts };
}

/** One difference from the calm. */
export type Change = (s: Situation) => Situation;

/** All is well, save for the changes, which apply from left to right. */
export function situation(...changes: readonly Change[]): Situation {
  const calm: Situation = {
    now: NOW,
    policy: DEFAULT_POLICY,
    state: savedState(),
    manager: { boot_id: 'boot-1', wall_ms: NOW, uptime_ms: 1_000_000 + NOW - CALM, state_unwritable: null },
    active: { active: true, detail: 'one_hr_master' },
    servers: {
      db1: observation('db1', 'accepting', factsOf('master')),
      db2: observation('db2', 'accepting', factsOf('replica')),
      db3: observation('db3', 'accepting', factsOf('replica')),
    },
    attempts: { made: 1, wanted: 4 },
    trouble_since: null,
    closer: null,
    history: null,
    history_held_by: [],
    restart_failed: null,
    on_demand: null,
  };
  return changes.reduce((s, change) => change(s), calm);
}

/** What was seen of one server; a witness that was asked says the same. */
function seeing(seen: ServerObservation): Change {
  return (s) => ({
    ...s,
    servers: { ...s.servers, [seen.server]: seen },
    closer:
      s.closer === null
        ? null
        : {
            ...s.closer,
            witnesses: s.closer.witnesses.map((look) => (look.server === seen.server ? { ...look, seen } : look)),
          },
  });
}

/** A server that lets nobody in. */
export function answers(server: string, kind: Exclude<ReachKind, 'accepting'>): Change {
  return seeing(observation(server, kind));
}

export function asMaster(server: string, facts: Partial<SqlFacts> = {}): Change {
  return seeing(observation(server, 'accepting', factsOf('master', facts)));
}

export function asReplica(server: string, facts: Partial<SqlFacts> = {}): Change {
  return seeing(observation(server, 'accepting', factsOf('replica', facts)));
}

/** It lets us in, and tells nothing of itself. */
export function withoutFacts(server: string): Change {
  return seeing(observation(server, 'accepting'));
}

/** What became of a write that was tried there. */
export function writes(server: string, write: WriteLook): Change {
  return (s) => {
    const seen = s.servers[server] ?? observation(server, 'accepting');
    return { ...s, servers: { ...s.servers, [server]: { ...seen, write } } };
  };
}

export function notAsked(server: string): Change {
  return (s) => ({ ...s, servers: Object.fromEntries(Object.entries(s.servers).filter(([name]) => name !== server)) });
}

export function looked(server: string, change: Partial<Extract<HostLook, { kind: 'looked' }>> = {}): HostLook {
  return {
    kind: 'looked',
    server,
    postmaster: { kind: 'running', pid: 4711, state: 'S' },
    port: 'reaches',
    control: null,
    standby_signal: false,
    free_bytes: 10 * 1024 ** 3,
    detail: '',
    ...change,
  };
}

export function noHost(server: string): HostLook {
  return { kind: 'no_answer', server, detail: 'ssh: connect timed out' };
}

export function control(state: ControlState, change: Partial<ControlFile> = {}): ControlFile {
  return { system_identifier: SYSTEM, state, checkpoint_lsn: lsn(0x4ffff00), timeline: 1, ...change };
}

const RUNNING: Postmaster = { kind: 'running', pid: 4711, state: 'S' };
const GONE: Postmaster = { kind: 'not_running' };

/** Ways for the master's host to answer a closer look. */
export const HOSTS = {
  no_answer: noHost('db1'),
  crashed: looked('db1', { postmaster: GONE, port: 'cannot_reach', control: control('in production') }),
  shut_down: looked('db1', { postmaster: GONE, port: 'cannot_reach', control: control('shut down') }),
  alive: looked('db1', { postmaster: RUNNING, port: 'reaches', control: control('in production') }),
  frozen: looked('db1', { postmaster: RUNNING, port: 'cannot_reach', control: control('in production') }),
  unknown: looked('db1', { postmaster: { kind: 'unknown', detail: 'pgdata is not readable' }, port: 'cannot_look' }),
} as const satisfies Record<string, HostLook>;

/** Its process is stopped by SIGSTOP, before the look at its port and after it. */
export const STOPPED = looked('db1', {
  postmaster: { kind: 'running', pid: 4711, state: 'T' },
  port: 'cannot_reach',
  control: control('in production'),
});

function witness(s: Situation, server: string, port: PortLook): WitnessLook {
  const seen = s.servers[server] ?? observation(server, 'timeout');
  return { server, seen, port, port_detail: `pg_isready says ${port}` };
}

/** A closer look was taken: the master's host, and what every replica's host says of its port. */
export function lookedCloser(host: HostLook, ports: Readonly<Record<string, PortLook>> = {}): Change {
  return (s) => {
    const closer: CloserLook = {
      host,
      witnesses: ['db2', 'db3'].map((name) => witness(s, name, ports[name] ?? 'cannot_reach')),
      candidate_hosts: ['db2', 'db3'].map((name) => looked(name)),
    };
    return { ...s, closer };
  };
}

/** The master does not answer since TROUBLE. */
export function silent(kind: 'refused' | 'timeout' | 'unreachable' = 'timeout'): Change {
  return (s) => ({ ...answers('db1', kind)(s), trouble_since: TROUBLE });
}

/** Every retry was made. */
export const retried: Change = (s) => ({ ...s, attempts: { made: 4, wanted: 4 } });

/** The master is silent, its host looked at, both replicas cannot reach it either, and every retry was made. */
export function lost(
  host: HostLook = HOSTS.no_answer,
  kind: 'refused' | 'timeout' | 'unreachable' = 'timeout',
): Change {
  return (s) => [silent(kind), lookedCloser(host), retried].reduce((last, change) => change(last), s);
}

export const hostLost = lost(HOSTS.no_answer);
export const crashed = lost(HOSTS.crashed, 'refused');
export const shutDown = lost(HOSTS.shut_down, 'refused');
export const frozen = lost(HOSTS.frozen);

export function port(server: string, found: PortLook): Change {
  return inCloser((closer) => ({
    ...closer,
    witnesses: closer.witnesses.map((look) => (look.server === server ? { ...look, port: found } : look)),
  }));
}

export function candidateHost(host: HostLook): Change {
  return inCloser((closer) => ({
    ...closer,
    candidate_hosts: [...closer.candidate_hosts.filter((one) => one.server !== host.server), host],
  }));
}

export function withoutCandidateHost(server: string): Change {
  return inCloser((closer) => ({
    ...closer,
    candidate_hosts: closer.candidate_hosts.filter((one) => one.server !== server),
  }));
}

function inCloser(change: (closer: CloserLook) => CloserLook): Change {
  return (s) => ({ ...s, closer: s.closer === null ? null : change(s.closer) });
}

export function policy(change: Partial<FailoverPolicy>): Change {
  return (s) => ({ ...s, policy: { ...s.policy, ...change } });
}

export function state(change: Partial<SavedState>): Change {
  return (s) => ({ ...s, state: { ...s.state, ...change } });
}

export function saved(name: string, change: Partial<SavedServer>): Change {
  return (s) => {
    const server = { ...(s.state.servers[name] ?? savedServer(name)), ...change };
    return { ...s, state: { ...s.state, servers: { ...s.state.servers, [name]: server } } };
  };
}

export function def(name: string, change: Partial<ServerDef>): Change {
  return (s) => saved(name, { def: { ...(s.state.servers[name]?.def ?? serverDef(name)), ...change } })(s);
}

/** This replica was seen to take writes, which is not on record. */
export function wrote(server: string, timeline: number): Change {
  return saved(server, {
    facts: {
      at: iso(CALM),
      in_recovery: false,
      timeline,
      lsn: MASTER_LSN,
      lag_bytes: null,
      streaming: null,
      version: 150018,
      took: 10,
    },
  });
}

/** What the last calm round saw of a replica; null: it was never seen. */
export function calm(name: string, change: Partial<CalmRecord> | null): Change {
  return (s) => {
    const before = s.state.servers[name]?.calm ?? calmRecord('db2');
    return saved(name, { calm: change === null || before === null ? null : { ...before, ...change } })(s);
  };
}

export function onDemand(change: Partial<OnDemand> = {}): Change {
  return (s) => ({ ...s, on_demand: { to: null, force: false, ...change } });
}

export function where(change: Partial<Situation>): Change {
  return (s) => ({ ...s, ...change });
}

export function operation(change: Partial<Operation> = {}): Operation {
  return {
    id: 'failover-1',
    kind: 'failover',
    automatic: true,
    begun: iso(CALM),
    run: 'run-1',
    old_master: 'db1',
    new_master: null,
    failed_candidates: [],
    steps: [],
    former_upstreams: [],
    shutdown_checkpoint: null,
    evidence: [],
    loss: 'not yet known',
    ...change,
  };
}

/** The structure of a decision, without its prose. */
export interface Outline {
  readonly rule: number;
  readonly diagnosis: Diagnosis;
  readonly action: OutlinedAction;
  readonly vetoes: readonly VetoName[];
  readonly cluster_status: ClusterStatusName;
  readonly success: boolean;
  readonly alarm: boolean;
  readonly loss: Loss['kind'] | null;
}

export type OutlinedAction =
  | Exclude<Decision['action'], { kind: 'fail_over' }>
  | { readonly kind: 'fail_over'; readonly fence: FenceWay; readonly to: readonly string[] };

export function outline(decision: Decision): Outline {
  const { rule, diagnosis, action, cluster_status, success, alarm } = decision;
  return {
    rule,
    diagnosis,
    action:
      action.kind === 'fail_over'
        ? { kind: 'fail_over', fence: action.plan.fence, to: action.plan.candidates.map((one) => one.server) }
        : action,
    vetoes: decision.vetoes.map((veto) => veto.name),
    cluster_status,
    success,
    alarm,
    loss: decision.loss?.kind ?? null,
  };
}

const NOTHING = { action: { kind: 'none' }, vetoes: [], loss: null } as const;

/** The master is up, or there is nothing for us to do. */
export function fine(rule: number, diagnosis: Diagnosis, change: Partial<Outline> = {}): Outline {
  return { ...NOTHING, rule, diagnosis, cluster_status: 'healthy', success: true, alarm: false, ...change };
}

/** An alarm, and nothing is done. */
export function refused(
  rule: number,
  diagnosis: Diagnosis,
  cluster_status: ClusterStatusName,
  change: Partial<Outline> = {},
): Outline {
  return { ...NOTHING, rule, diagnosis, cluster_status, success: false, alarm: true, ...change };
}

/** The master is lost, and nothing is done about it. */
export function vetoed(
  rule: number,
  diagnosis: Diagnosis,
  vetoes: readonly VetoName[],
  loss: Outline['loss'] = 'bounded',
): Outline {
  return refused(rule, diagnosis, 'down', { vetoes, loss });
}

/** The master is lost, and others take over in this order. */
export function failsOver(
  rule: number,
  diagnosis: Diagnosis,
  fence: FenceWay,
  to: readonly string[] = ['db2', 'db3'],
  loss: Loss['kind'] = 'bounded',
): Outline {
  return refused(rule, diagnosis, 'down', { action: { kind: 'fail_over', fence, to }, loss });
}

/** A clone that has begun to change the data directory. */
export function rebuildOf(server: string, change: Partial<Rebuild> = {}): Rebuild {
  return {
    server,
    kind: 'clone',
    method: 'clone_basebackup',
    source: 'db1',
    run: 'r',
    begun: iso(CALM),
    owner: { host: 'h', machine: 'm', pid: 1, boot_id: 'b', started: '1' },
    touched: true,
    broken: null,
    ...change,
  };
}
