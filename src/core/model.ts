import type { Moment } from './moment.js';
import type { Lsn } from './lsn.js';

/** A server's part in replication. `primary` and `standby` are accepted at the borders and become these. */
export type Role = 'master' | 'replica';

export type LossLimit = 'none' | 'unlimited' | { readonly bytes: number };

/** A program between the clients and PostgreSQL that HandyRep sends to the master. */
export type ProxyRole = 'pgbouncer' | 'haproxy';

/** A host that commands can be run on. */
export interface HostDef {
  readonly name: string;
  readonly hostname: string;
  /** How commands reach the host. */
  readonly connection: 'ssh' | 'local';
  readonly ssh_user: string | null;
  readonly ssh_key: string | null;
  readonly ssh_port: number;
  /** `sudo`: become the postgres OS user; `none`: the ssh user is that user. */
  readonly become: 'sudo' | 'none';
}

/** A server's definition: what the configuration or `server add` says of it. Never holds a secret. */
export interface ServerDef extends HostDef {
  readonly port: number;
  readonly role: Role;
  readonly enabled: boolean;
  readonly pgdata: string;
  readonly pgconf: string | null;
  readonly bin_dir: string | null;
  readonly restart_method: string;
  readonly promotion_method: string;
  readonly clone_method: string;
  readonly use_slots: boolean;
  /** Bytes. */
  readonly lag_limit: number;
  /** Lower is promoted first; null is never promoted. */
  readonly failover_priority: number | null;
}

/** A proxy's definition. It takes no part in any decision about PostgreSQL. Never holds a secret. */
export interface ProxyDef extends HostDef {
  readonly port: number;
  readonly role: ProxyRole;
  readonly enabled: boolean;
  /** Who logs in to its console; null: as the settings of the connection method say. */
  readonly admin_user: string | null;
  /** The file that the connection method writes there; null: as its settings say. */
  readonly config_file: string | null;
}

/** The settings that a decision depends on. Times in milliseconds. */
export interface FailoverPolicy {
  readonly auto_failover: boolean;
  readonly poll_interval: number;
  readonly verify_interval: number;
  readonly fail_retries: number;
  readonly fail_retry_interval: number;
  readonly recovery_retries: number;
  readonly remaster: boolean;
  readonly restart_master: boolean;
  readonly auto_rejoin: boolean;
  readonly fence_method: string | null;
  readonly require_fencing: boolean;
  readonly min_witnesses: number;
  readonly failover_on_hung: boolean;
  readonly max_data_loss: LossLimit;
  readonly min_failover_interval: number;
  readonly connection_failover_method: string | null;
}

/** Server statuses with the numbers that monitoring systems store. */
export const SERVER_STATUS_NO = { unknown: 0, healthy: 1, lagged: 2, warning: 3, unavailable: 4, down: 5 } as const;
export type ServerStatusName = keyof typeof SERVER_STATUS_NO;

/** Cluster statuses with their numbers. */
export const CLUSTER_STATUS_NO = { unknown: 0, healthy: 1, warning: 3, down: 5 } as const;
export type ClusterStatusName = keyof typeof CLUSTER_STATUS_NO;

export interface Status<Name extends string> {
  readonly status: Name;
  readonly status_no: number;
  /** ISO 8601, UTC: when the status was last confirmed by an observation. */
  readonly status_ts: string | null;
  readonly status_message: string;
}

export type ServerStatus = Status<ServerStatusName>;
export type ClusterStatus = Status<ClusterStatusName>;

/** What was seen of one server while the master still answered: the calm before any trouble. */
export interface CalmRecord {
  /** ISO 8601 time of the round. */
  readonly at: string;
  /** A replica: its WAL receiver was streaming. */
  readonly streaming: boolean;
  readonly lsn: Lsn | null;
  readonly timeline: number | null;
  /** The name it shows to a master (`application_name` of its WAL receiver), for synchronous replication. */
  readonly application_name: string | null;
}

/** A server as the saved state keeps it. */
export interface SavedServer {
  readonly def: ServerDef;
  readonly status: ServerStatus;
  readonly calm: CalmRecord | null;
  /** Facts of the last observation that gave any, for `status`. */
  readonly facts: SavedFacts | null;
}

export interface SavedFacts {
  readonly at: string;
  readonly in_recovery: boolean;
  readonly timeline: number | null;
  readonly lsn: Lsn | null;
  /** Bytes behind the master at the same round; null when it cannot be told. */
  readonly lag_bytes: number | null;
  readonly streaming: boolean | null;
  readonly version: number | null;
  /** How long that look took, milliseconds. */
  readonly took: number | null;
}

/** Where clients are sent, by the names of the servers. */
export interface Route {
  readonly master: string;
  /** Those that read-only clients may be sent to; none: they are sent to the master. */
  readonly replicas: readonly string[];
}

/** What was last done with one way of the clients to the servers, and whether something is still to be done. */
export interface Routing {
  /** The last that was acknowledged; null: nothing was done yet. */
  readonly route: Route | null;
  /** ISO 8601: since when it is to be sent to where it belongs, which a check does as soon as it can; null: all is done. */
  readonly owed: string | null;
}

/** A proxy as the saved state keeps it. */
export interface SavedProxy extends Routing {
  readonly def: ProxyDef;
  readonly status: ServerStatus;
}

/** What is on record of the scripts that archive WAL. */
export interface ArchiveRecord {
  /** The master that they were last made for; null: `archive start` was never used. */
  readonly master: string | null;
  /** Servers that are to get theirs anew, which a check does as soon as it can. */
  readonly owed: readonly string[];
  /** The master is still to archive what its predecessor had completed and may not have archived. */
  readonly gap: boolean;
  /** ISO 8601: when what is still to be done was tried last; null: it was not yet, or nothing is. */
  readonly tried: string | null;
}

/** Nothing was ever done for the archive. */
export const NO_ARCHIVE: ArchiveRecord = { master: null, owed: [], gap: false, tried: null };

/** Synchronous replication as it was on the master at the last calm round ("synchronous_standby_names"). */
export interface SyncRecord {
  readonly at: string;
  readonly setting: string;
  /** `synchronous_commit` of the master's configuration. */
  readonly commit: string;
  /** application_name, sync_state and flushed position of each connected standby. */
  readonly standbys: readonly { readonly application_name: string; readonly sync_state: string }[];
}

/** The furthest position at which the master was seen writing. */
export interface MasterPosition {
  readonly at: string;
  readonly server: string;
  readonly timeline: number;
  readonly lsn: Lsn;
}

/**
 * A former master. Until it is a replica again it must not take writes: found doing so, it is stopped before anything
 * else.
 */
export interface FormerMaster {
  readonly server: string;
  readonly since: string;
  readonly reason: string;
  /** The timeline that replaced its own; null while that is not known. */
  readonly timeline: number | null;
  /** When it was last proved to be fenced; null: the fencing is owed. */
  readonly fenced: string | null;
  /** How often `auto_rejoin` tried in vain to make it a replica again. */
  readonly rejoin_failures: number;
}

/** A process, told from every other one that had or will have its number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Ticks since boot at which the process began; empty where that cannot be told. */
  readonly started: string;
  readonly host: string;
  /** Two machines of one name, and two containers on one machine, do not see each other's processes. */
  readonly machine: string;
  readonly boot_id: string;
}

/**
 * A server whose data directory is being made anew, by `clone` or `rejoin`. That takes long, so it is done without the
 * lock: this record keeps everybody else away from the server. It is disabled meanwhile, neither witness nor candidate.
 */
export interface Rebuild {
  readonly server: string;
  readonly kind: 'clone' | 'rejoin';
  /** Name of the plugin. */
  readonly method: string;
  readonly source: string;
  readonly run: string;
  readonly begun: string;
  /** Who does it: when that process is dead, the rebuild was broken off. */
  readonly owner: ProcessIdentity;
  /** The data directory has been changed: it must not be started before it is whole again. */
  readonly touched: boolean;
  /** Why it was broken off; null: under way. */
  readonly broken: string | null;
}

export interface Pause {
  readonly since: string;
  /** Null: until `resume`. */
  readonly until: string | null;
  readonly reason: string;
}

/** The clocks of the management host at the last round, to notice a jump or a boot. */
export interface ClockRecord {
  readonly boot_id: string;
  /** Wall clock, milliseconds since the epoch. */
  readonly wall_ms: number;
  /** Time since boot, milliseconds. */
  readonly uptime_ms: number;
}

/** Everything HandyRep remembers between two runs: `servers.save` and the row of the cluster table. */
export interface SavedState {
  readonly format: 1;
  readonly generation: number;
  readonly updated: string;
  readonly cluster_name: string;
  readonly system_identifier: string | null;
  readonly cluster: ClusterStatus;
  readonly servers: Readonly<Record<string, SavedServer>>;
  readonly proxies: Readonly<Record<string, SavedProxy>>;
  /** Of a connection method that works without proxies. */
  readonly routing: Routing;
  readonly archive: ArchiveRecord;
  readonly last_poll: string | null;
  readonly last_verify: string | null;
  readonly master_position: MasterPosition | null;
  /** Since when the master's own host proves that no postmaster runs, in this trouble; null while that is not proved. */
  readonly silent_since: string | null;
  /**
   * Since the master was last seen well, the management host was booted, or another took its place: how long ago that was is
   * by a clock that may have been set meanwhile.
   */
  readonly rebooted_since_calm: boolean;
  readonly sync: SyncRecord | null;
  readonly former_masters: readonly FormerMaster[];
  readonly rebuilds: readonly Rebuild[];
  readonly pause: Pause | null;
  readonly clock: ClockRecord | null;
  readonly operation: Operation | null;
  /** When the last automatic failover ended, until `ack`. */
  readonly last_failover: { readonly ended: string; readonly acknowledged: boolean } | null;
  readonly history: readonly HistoryEntry[];
}

/** How the old master is made unable to take writes. */
export type FenceWay =
  /** It is not running: leave `standby.signal`. */
  | { readonly kind: 'signal' }
  /** It runs: stop it at once (also a frozen one) and leave `standby.signal`. */
  | { readonly kind: 'kill' }
  /** ssh cannot reach it: the fence plugin powers it off. */
  | { readonly kind: 'plugin'; readonly method: string }
  /** Nothing reaches it: the fencing stays owed and is paid when it returns. */
  | { readonly kind: 'owed' };

/** A candidate for promotion, best first in a plan. */
export interface Candidate {
  readonly server: string;
  readonly lsn: Lsn;
  readonly timeline: number;
}

/** One named step of an operation. The order of steps is written in `plan.ts` only. */
export type Step =
  /** Before anything is touched: commands of the operator's own, each of which may veto. */
  | {
      readonly kind: 'before_commands';
      readonly commands: readonly string[];
      /** Who is to be promoted, as it looks now. */
      readonly new_master: string;
      /** A veto is noted, and not obeyed. */
      readonly force: boolean;
    }
  | { readonly kind: 'fence_old_master'; readonly server: string; readonly way: FenceWay }
  | { readonly kind: 'stop_receivers'; readonly servers: readonly string[] }
  | { readonly kind: 'choose'; readonly candidates: readonly [Candidate, ...Candidate[]] }
  /** Before a switchover, so that the shutdown has little left to write. */
  | { readonly kind: 'checkpoint'; readonly servers: readonly string[] }
  /** Clients wait, and no transaction of theirs is under way: nothing was stopped yet. */
  | { readonly kind: 'pause_connections'; readonly method: string }
  /** A fast shutdown of a master that lives, with standby.signal left first. */
  | { readonly kind: 'stop_old_master'; readonly server: string }
  /** The candidate holds everything up to the shutdown checkpoint. */
  | { readonly kind: 'prove_candidate'; readonly server: string }
  | { readonly kind: 'promote' }
  | { readonly kind: 'prove_writes' }
  | { readonly kind: 'record' }
  | { readonly kind: 'move_connections'; readonly method: string }
  | { readonly kind: 'remaster'; readonly servers: readonly string[] }
  /** The old master of a switchover is started as a replica of the new one. */
  | { readonly kind: 'return_old_master'; readonly server: string }
  | { readonly kind: 'extra_commands' };

export type StepKind = Step['kind'];
export type StepState = 'pending' | 'begun' | 'done' | 'failed' | 'skipped';

export interface JournalledStep {
  readonly step: Step;
  readonly state: StepState;
  readonly begun: string | null;
  readonly ended: string | null;
  /** What happened, in words. */
  readonly note: string | null;
}

/** Where a replica's WAL receiver pointed before it was stopped; no secret is in it. */
export interface FormerUpstream {
  readonly server: string;
  readonly host: string | null;
  readonly hostaddr: string | null;
  readonly port: string | null;
}

/** An operation in progress, journalled before and after each step. */
export interface Operation {
  readonly id: string;
  readonly kind: 'failover' | 'switchover';
  readonly automatic: boolean;
  readonly begun: string;
  readonly run: string;
  readonly old_master: string;
  /** Set by the `choose` step. */
  readonly new_master: string | null;
  /** Candidates whose promotion failed. */
  readonly failed_candidates: readonly string[];
  readonly steps: readonly JournalledStep[];
  readonly former_upstreams: readonly FormerUpstream[];
  /** Of a switchover: where the old master wrote its last record, the shutdown checkpoint. */
  readonly shutdown_checkpoint: { readonly timeline: number; readonly lsn: Lsn } | null;
  readonly evidence: readonly string[];
  readonly loss: string;
  /** What was asked before it was decided, and how long that took; absent: an earlier HandyRep began it. */
  readonly moments?: readonly Moment[];
}

/** A finished operation, newest first in `history`. */
export interface HistoryEntry {
  readonly id: string;
  readonly kind: Operation['kind'] | Rebuild['kind'] | 'fence' | 'adopt';
  readonly automatic: boolean;
  readonly begun: string;
  readonly ended: string;
  readonly result: 'SUCCESS' | 'FAIL' | 'ROLLED BACK';
  readonly details: string;
  readonly old_master: string | null;
  readonly new_master: string | null;
  readonly evidence: readonly string[];
  readonly loss: string | null;
  readonly steps: readonly JournalledStep[];
  /** As in {@link Operation}. */
  readonly moments?: readonly Moment[];
}
