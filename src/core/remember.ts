import { archiveConcerns, foldArchive } from './archive-owed.js';
import { DIRECT, type ProxyAnswer, connectionConcerns, foldProxies, foldRouting } from './connections.js';
import type { Decision } from './decision.js';
import { isProcessGone } from './diagnosis.js';
import type { Event } from './event.js';
import { bytesBehind } from './lsn.js';
import {
  CLUSTER_STATUS_NO,
  type CalmRecord,
  type ClusterStatus,
  type ClusterStatusName,
  type MasterPosition,
  type SavedFacts,
  type SavedServer,
  type SavedState,
} from './model.js';
import type { ManagerObservation, ServerObservation } from './observation.js';
import { canMeanDown, recordedMaster } from './situation.js';
import { type ReplicationView, judgeServer } from './status.js';
import { clockShift, isOtherBoot } from './suspicion.js';

/** What one round of looking leaves behind. */
export interface Round {
  readonly now: number;
  /** When this run first found the master silent. */
  readonly trouble_since: number | null;
  readonly depth: 'poll' | 'verify';
  /** The servers that were looked at; a partial poll leaves the others as they are. */
  readonly servers: Readonly<Record<string, ServerObservation>>;
  readonly replication: Readonly<Record<string, ReplicationView>>;
  readonly issues: Readonly<Record<string, readonly string[]>>;
  /** The proxies that were looked at, by name; {@link DIRECT} for a method without. */
  readonly proxies: Readonly<Record<string, ProxyAnswer>>;
  /** Of the servers whose archive scripts were looked at, whether they are as they should be. */
  readonly archive: Readonly<Record<string, boolean>>;
  readonly manager: ManagerObservation;
  readonly decision: Decision;
}

export interface Remembered {
  readonly state: SavedState;
  /** Every change of a status, with its cause. */
  readonly events: readonly Event[];
}

/** Folds a round into the saved state. Positions and witnesses' fitness are recorded only while the master answers. */
export function remember(before: SavedState, round: Round): Remembered {
  const state = afterJump(before, clockShift(before.clock, round.manager));
  const at = new Date(round.now).toISOString();
  const master = recordedMaster(state);
  const masterSeen = master === null ? undefined : round.servers[master];
  const calm = round.decision.diagnosis.kind === 'master_healthy' && masterSeen?.facts != null;
  const system_identifier = state.system_identifier ?? (calm ? masterSeen.facts.system_identifier : null);
  const servers: Record<string, SavedServer> = {};
  for (const [name, server] of Object.entries(state.servers)) {
    const seen = round.servers[name];
    servers[name] =
      seen === undefined ? server : foldServer(server, seen, { state, round, calm, masterSeen, system_identifier });
  }
  const proxies = foldProxies(state, round.proxies, at);
  const routing = foldRouting(state, round.proxies[DIRECT], at);
  const archive = foldArchive(state, round.archive);
  const cluster = clusterStatus({ ...state, servers, proxies, routing, archive }, round.decision, at);
  const next: SavedState = {
    ...state,
    system_identifier,
    cluster,
    servers,
    proxies,
    routing,
    archive,
    last_poll: at,
    last_verify: round.depth === 'verify' ? at : state.last_verify,
    master_position: calm ? foldPosition(state.master_position, masterSeen, at) : state.master_position,
    silent_since: silentSince(state, round, masterSeen),
    rebooted_since_calm: !calm && (state.rebooted_since_calm || isOtherBoot(state.clock, round.manager)),
    sync: calm ? foldSync(masterSeen, at) : state.sync,
    clock: {
      boot_id: round.manager.boot_id,
      wall_ms: round.manager.wall_ms,
      uptime_ms: round.manager.uptime_ms,
    },
  };
  return { state: next, events: changes(state, next) };
}

/** Our clock jumped: what was seen before is as old as it was, by the clock as it is now. A loss is told in such ages. */
function afterJump(state: SavedState, jump: number): SavedState {
  if (jump === 0) return state;
  const moved = (at: string): string => new Date(Date.parse(at) + jump).toISOString();
  const { master_position: position, sync, silent_since } = state;
  return {
    ...state,
    master_position: position === null ? null : { ...position, at: moved(position.at) },
    sync: sync === null ? null : { ...sync, at: moved(sync.at) },
    silent_since: silent_since === null ? null : moved(silent_since),
  };
}

interface FoldContext {
  readonly state: SavedState;
  readonly round: Round;
  readonly calm: boolean;
  readonly masterSeen: ServerObservation | undefined;
  readonly system_identifier: string | null;
}

function foldServer(server: SavedServer, seen: ServerObservation, context: FoldContext): SavedServer {
  const { def } = server;
  // A disabled server keeps its last status.
  if (!def.enabled) return server;
  const { round, masterSeen } = context;
  const status = judgeServer({
    def,
    seen,
    previous: server.status,
    depth: round.depth,
    system_identifier: context.system_identifier,
    replication: round.replication[def.name] ?? null,
    issues: round.issues[def.name] ?? [],
  });
  return {
    def,
    status,
    calm: context.calm && def.role === 'replica' ? calmRecord(seen, context.system_identifier) : server.calm,
    facts: seen.facts === null ? server.facts : savedFacts(seen, masterSeen),
  };
}

/**
 * What goes on record of a replica that was looked at while its master is well. One that did not answer is not streaming:
 * nothing is assumed in its favour.
 */
export function calmRecord(seen: ServerObservation, system_identifier: string | null): CalmRecord {
  const { facts } = seen;
  const ours = facts !== null && facts.system_identifier === system_identifier;
  const streaming =
    ours && facts.in_recovery && facts.receiver?.kind === 'running' && facts.receiver.status === 'streaming';
  return {
    at: new Date(seen.at).toISOString(),
    streaming,
    lsn: facts?.lsn ?? null,
    timeline: facts?.timeline ?? null,
    application_name: facts?.application_name ?? null,
  };
}

function savedFacts(seen: ServerObservation, master: ServerObservation | undefined): SavedFacts | null {
  const { facts } = seen;
  if (facts === null) return null;
  const ahead = master?.facts?.lsn ?? null;
  const { receiver } = facts;
  return {
    at: new Date(seen.at).toISOString(),
    in_recovery: facts.in_recovery,
    timeline: facts.timeline,
    lsn: facts.lsn,
    lag_bytes: facts.in_recovery && ahead !== null && facts.lsn !== null ? bytesBehind(facts.lsn, ahead) : null,
    streaming:
      receiver === null || receiver.kind === 'hidden'
        ? null
        : receiver.kind === 'running' && receiver.status === 'streaming',
    version: facts.version,
    took: seen.took,
  };
}

function foldPosition(last: MasterPosition | null, seen: ServerObservation, at: string): MasterPosition | null {
  const { lsn = null, timeline = null } = seen.facts ?? {};
  if (lsn === null || timeline === null) return last;
  return { at, server: seen.server, timeline, lsn };
}

/**
 * Since when the master is proved to be dead, by its own host. One that only we do not reach may take writes of others all the
 * while: then nothing is known of when it ended. A look that proves nothing, such as a name that does not resolve, neither
 * begins nor ends it.
 */
function silentSince(state: SavedState, round: Round, seen: ServerObservation | undefined): string | null {
  if (seen === undefined || seen.reach.kind === 'unresolved') return state.silent_since;
  const { diagnosis } = round.decision;
  if (!canMeanDown(seen)) return null;
  if (diagnosis.kind === 'master_silent') return state.silent_since;
  if (!isProcessGone(diagnosis)) return null;
  return state.silent_since ?? new Date(round.now).toISOString();
}

function foldSync(seen: ServerObservation, at: string): SavedState['sync'] {
  const sync = seen.facts?.sync ?? null;
  if (sync === null) return null;
  const standbys = sync.standbys.map(({ application_name, sync_state }) => ({ application_name, sync_state }));
  return { at, setting: sync.setting, commit: sync.commit, standbys };
}

/** The status of the cluster anew, after something was done in a round that was remembered. */
export function rejudge(before: SavedState, decision: Decision, now: number): Remembered {
  const state = { ...before, cluster: clusterStatus(before, decision, new Date(now).toISOString()) };
  return { state, events: changes(before, state) };
}

function clusterStatus(state: SavedState, decision: Decision, at: string): ClusterStatus {
  const status = (name: ClusterStatusName, message: string): ClusterStatus => ({
    status: name,
    status_no: CLUSTER_STATUS_NO[name],
    status_ts: at,
    status_message: message,
  });
  if (decision.cluster_status !== 'healthy') return status(decision.cluster_status, decision.details);
  const concerns = [
    ...Object.values(state.servers).flatMap(({ def, status: own }) =>
      def.enabled && own.status !== 'healthy' ? [`${def.name} is ${own.status}: ${own.status_message}`] : [],
    ),
    ...state.former_masters.map(({ server, fenced }) =>
      fenced === null
        ? `the former master ${server} is not fenced: it is stopped when it returns`
        : `the former master ${server} is fenced and waits to be made a replica again`,
    ),
    ...state.rebuilds.flatMap(({ server, kind, broken }) =>
      broken === null ? [] : [`the ${kind} of ${server} was broken off: ${broken}`],
    ),
    ...connectionConcerns(state),
    ...archiveConcerns(state),
  ];
  return concerns.length === 0 ? status('healthy', decision.details) : status('warning', concerns.join('; '));
}

/** One event a change of status; failures and recoveries raise an alert, once a change. */
function changes(before: SavedState, after: SavedState): readonly Event[] {
  const events: Event[] = [];
  const all = { ...before.servers, ...before.proxies };
  for (const [name, server] of Object.entries({ ...after.servers, ...after.proxies })) {
    const old = all[name]?.status;
    if (old === undefined || old.status === server.status.status) continue;
    const message = `${name} was ${old.status}, is ${server.status.status}: ${server.status.status_message}`;
    events.push({ ...severity(old.status, server.status.status), message, server: name });
  }
  if (before.cluster.status !== after.cluster.status) {
    const message = `cluster was ${before.cluster.status}, is ${after.cluster.status}: ${after.cluster.status_message}`;
    events.push({ ...severity(before.cluster.status, after.cluster.status), message });
  }
  return events;
}

function severity(before: string, after: string): Pick<Event, 'category' | 'iserror' | 'alert'> {
  if (after === 'healthy') {
    return before === 'unknown' ? { category: 'STATUS' } : { category: 'RECOVERY', alert: 'status' };
  }
  return { category: 'FAILURE', iserror: true, alert: 'status' };
}
