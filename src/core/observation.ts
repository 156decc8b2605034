import type { Lsn } from './lsn.js';

/**
 * How a server answered. Only `refused`, `timeout` and `unreachable` can mean that it is down; `unresolved` is our own
 * trouble and no evidence of anything.
 */
export type ReachKind =
  | 'accepting'
  | 'saturated'
  | 'starting'
  | 'stopping'
  | 'rejected'
  | 'refused'
  | 'timeout'
  | 'unreachable'
  | 'unresolved';

export interface Reach {
  readonly kind: ReachKind;
  /** The raw answer: SQLSTATE or errno, and the server's words. */
  readonly detail: string;
}

/** What is known of a replica's WAL receiver ("pg_stat_wal_receiver"). */
export type Receiver =
  | { readonly kind: 'none' }
  /** A row without columns: our role lacks pg_read_all_stats, so nothing can be told. */
  | { readonly kind: 'hidden' }
  | {
      readonly kind: 'running';
      readonly status: string;
      /** Milliseconds since the last message from upstream, by the replica's own clock. */
      readonly receipt_age_ms: number | null;
      readonly sender_host: string | null;
      readonly sender_port: number | null;
      readonly slot_name: string | null;
      readonly timeline: number | null;
    };

/** A standby connected to a master ("pg_stat_replication"). */
export interface ConnectedStandby {
  readonly application_name: string;
  readonly state: string;
  readonly sync_state: string;
  readonly flush_lsn: Lsn | null;
}

/** What a server that let us in says of itself. Absent facts are null, never guessed. */
export interface SqlFacts {
  readonly in_recovery: boolean;
  readonly system_identifier: string | null;
  readonly timeline: number | null;
  /** `server_version_num`. */
  readonly version: number | null;
  /** A master: the insert position; a replica: the greater of received and replayed. */
  readonly lsn: Lsn | null;
  readonly receive_lsn: Lsn | null;
  readonly replay_lsn: Lsn | null;
  readonly replay_paused: boolean;
  /** A replica: milliseconds since the commit it replayed last, by its own clock; null when it replayed none. */
  readonly replay_age_ms: number | null;
  readonly receiver: Receiver | null;
  readonly application_name: string | null;
  /** `default_transaction_read_only`, on a master. */
  readonly read_only: boolean;
  readonly sync: {
    readonly setting: string;
    readonly commit: string;
    readonly standbys: readonly ConnectedStandby[];
  } | null;
}

/** One look at one server. */
export interface ServerObservation {
  readonly server: string;
  /** When the look began, milliseconds since the epoch by our clock. */
  readonly at: number;
  /** How long it took, milliseconds. */
  readonly took: number;
  readonly reach: Reach;
  readonly facts: SqlFacts | null;
  /** What became of a real write that was tried there; absent: none was tried. */
  readonly write?: WriteLook;
}

/** What a session that is held on the master told last, between two looks. */
export interface Heartbeat {
  readonly server: string;
  /** When it was asked, milliseconds since the epoch by our clock as it is now; by the older of two clocks, where they differ. */
  readonly at: number;
  readonly system_identifier: string;
  readonly timeline: number;
  readonly lsn: Lsn;
}

/** Whether a server that answers reads acknowledges a write. */
export type WriteLook =
  | { readonly kind: 'acknowledged' }
  /** No acknowledgement in time: its WAL disk hangs, or is much too slow. */
  | { readonly kind: 'hangs'; readonly detail: string }
  /** It said no, which a disk that is full or broken does too. */
  | { readonly kind: 'fails'; readonly detail: string };

/** `state` of pg_control, in pg_controldata's words. */
export type ControlState =
  | 'starting up'
  | 'shut down'
  | 'shut down in recovery'
  | 'shutting down'
  | 'in crash recovery'
  | 'in archive recovery'
  | 'in production';

/** The control file of a data directory ("pg_controldata"). */
export interface ControlFile {
  readonly system_identifier: string;
  readonly state: ControlState;
  readonly checkpoint_lsn: Lsn;
  readonly timeline: number;
}

export type Postmaster =
  | { readonly kind: 'running'; readonly pid: number; readonly state: string }
  | { readonly kind: 'not_running' }
  | { readonly kind: 'unknown'; readonly detail: string };

/** What an active look at a PostgreSQL port found; only `reaches` and `cannot_reach` say anything of the server. */
export type PortLook = 'reaches' | 'cannot_reach' | 'unresolved' | 'cannot_look';

/** A look at a host by remote command: no SQL, so it works when PostgreSQL does not. */
export type HostLook =
  | { readonly kind: 'no_answer'; readonly server: string; readonly detail: string }
  | {
      readonly kind: 'looked';
      readonly server: string;
      readonly postmaster: Postmaster;
      /** Whether PostgreSQL answers on its port from its own host: the look that no network can spoil. */
      readonly port: PortLook;
      readonly control: ControlFile | null;
      readonly standby_signal: boolean;
      /** Bytes free where the data directory is. */
      readonly free_bytes: number | null;
      readonly detail: string;
    };

/** What a replica can say of the master since the trouble began. */
export interface WitnessLook {
  readonly server: string;
  /** A fresh look at the replica itself by SQL. */
  readonly seen: ServerObservation;
  /** The active look from its host. */
  readonly port: PortLook;
  readonly port_detail: string;
}

/** The fork points of a timeline ("TIMELINE_HISTORY"): it left `timeline` at `lsn`. Oldest first. */
export interface TimelineHistory {
  readonly timeline: number;
  readonly forks: readonly { readonly timeline: number; readonly lsn: Lsn }[];
}

/** What HandyRep can say of itself. */
export interface ManagerObservation {
  readonly boot_id: string;
  readonly wall_ms: number;
  readonly uptime_ms: number;
  /** Both clocks when this check looked first; absent: that is now. */
  readonly began?: { readonly wall_ms: number; readonly uptime_ms: number };
  /** Null: it can be written; else why not. */
  readonly state_unwritable: string | null;
}

/** The closer look that is taken only when the master does not answer. */
export interface CloserLook {
  readonly host: HostLook;
  readonly witnesses: readonly WitnessLook[];
  /** Looks at candidates' hosts: is there room on the disk, is ssh there. */
  readonly candidate_hosts: readonly HostLook[];
}
