import type * as zod from 'zod';
import type { Alert } from '../core/alert.js';
import type { Tablespace } from '../core/copy.js';
import type { Lsn } from '../core/lsn.js';
import type { HostDef, ProxyDef, ServerDef } from '../core/model.js';
import type { Reach, SqlFacts, TimelineHistory } from '../core/observation.js';
import type { Outcome } from '../core/outcome.js';

/** Which role of the configuration a query runs as. */
export type SqlUser = 'handyrep' | 'superuser' | 'replication';

export interface SqlOptions {
  /** Default `handyrep`. */
  readonly user?: SqlUser;
  /** Default: the configured `handyrep_db`. */
  readonly database?: string;
  /** Milliseconds for the whole call, connecting included; default: connect_timeout + statement_timeout. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
}

/** SQL on one server. Every call ends within its timeout and never throws for what a server may do. */
export interface SqlPort {
  /** One connection, one statement, parameters `$1…`. Rows are keyed by column name, values as text or null. */
  query(
    server: ServerDef,
    text: string,
    params?: readonly (string | number | boolean | null)[],
    options?: SqlOptions,
  ): Promise<Outcome<SqlRow[]>>;
  /**
   * One connection, then the statements one after the other, each in a transaction of its own: what each gave, and how
   * the server answered, classified by SQLSTATE and errno. A failing statement does not stop the next, unless the
   * connection is gone.
   */
  look(server: ServerDef, statements: readonly Statement[], options?: SqlOptions): Promise<SqlLook>;
  /**
   * A connection that is held until it is closed: for what lives as long as a session does (a temporary slot, a backup).
   * `timeout` is for each statement. A statement that fails also drops the session's temporary slots.
   */
  hold(server: ServerDef, options?: SqlOptions): Promise<Outcome<HeldSession>>;
  /** IDENTIFY_SYSTEM as the replication user ("Streaming Replication Protocol"). */
  identify(server: ServerDef, options?: SqlOptions): Promise<Outcome<SystemIdentity>>;
  /** TIMELINE_HISTORY as the replication user; null for timeline 1, which has no history file. */
  timelineHistory(server: ServerDef, timeline: number, options?: SqlOptions): Promise<Outcome<TimelineHistory | null>>;
}

/** An open connection. */
export interface HeldSession {
  /** As {@link SqlPort.query}; fails at once when the connection was lost. */
  query(text: string, params?: Statement['params']): Promise<Outcome<SqlRow[]>>;
  /** Settles when the connection has ended, from whichever side: at once when the server's processes are gone. */
  readonly ended: Promise<void>;
  close(): Promise<void>;
}

export interface Statement {
  readonly text: string;
  readonly params?: readonly (string | number | boolean | null)[];
}

/** One connection, several statements: how the server answered, and what each statement gave. */
export interface SqlLook {
  readonly reach: Reach;
  /** One entry a statement, in order; empty when the server did not let us in. */
  readonly results: readonly Outcome<SqlRow[]>[];
}

/** A server's answer to IDENTIFY_SYSTEM on a replication connection, which works while ordinary ones are exhausted. */
export interface SystemIdentity {
  readonly system_identifier: string;
  readonly timeline: number;
  readonly lsn: Lsn;
}

/** A row as text: parsed by whoever asked, who knows the types. */
export type SqlRow = Readonly<Record<string, string | null>>;

export interface CommandResult {
  readonly exit_code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  /** `postgres`: the postgres OS user, by the server's `become`; `login`: whoever logs in. Default `postgres`. */
  readonly as?: 'postgres' | 'login';
  /** Milliseconds for the whole call; default `command_timeout`. */
  readonly timeout?: number;
  /** Text for standard input; absent: no standard input. */
  readonly input?: string;
  /** More environment variables, on this host (`connection: local`) and as `login` only: elsewhere they would be arguments. */
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Gets standard error as it comes, for the progress of a long command. */
  readonly onOutput?: (text: string) => void;
}

/** A script that runs for as long as it takes and never longer than HandyRep itself. */
export interface LongOptions extends Omit<CommandOptions, 'input' | 'env'> {
  /** Milliseconds for the whole call: nothing runs without a bound. */
  readonly timeout: number;
  /** For the script in `$HANDYREP_SECRET`: a password, one line. It is in no argument list. */
  readonly secret?: string | null;
}

/**
 * Commands on a server's host, over ssh or locally as the server says. A command that ran is `ok` whatever its exit
 * status; an error means that it could not be run or did not end in time.
 */
export interface HostPort {
  /** Runs an argument list; nothing in it is read by a shell. */
  run(server: HostDef, argv: readonly [string, ...string[]], options?: CommandOptions): Promise<Outcome<CommandResult>>;
  /** Runs a fixed POSIX `sh` script; values go in as `$1…`, never into its text. */
  script(
    server: HostDef,
    script: string,
    args: readonly string[],
    options?: CommandOptions,
  ): Promise<Outcome<CommandResult>>;
  /**
   * Runs a script that may take hours. When HandyRep is interrupted, killed or cut off, the script gets SIGTERM with all
   * that it started, and eight seconds later SIGKILL: what it must undo, it undoes in a `trap … TERM`.
   */
  long(server: HostDef, script: string, args: readonly string[], options: LongOptions): Promise<Outcome<CommandResult>>;
}

/** Where a console is, and who logs in to which database of it. */
export interface ConsoleTarget {
  readonly name: string;
  readonly hostname: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  /** Null: the password file of this host decides. */
  readonly password: string | null;
}

/**
 * A session of the kind that poolers understand: nothing but user and database is asked for at login, and statements go by the
 * simple query protocol.
 */
export interface ConsolePort {
  /** One connection, the statements one after the other; the first that fails is the last. What each of them gave. */
  run(
    target: ConsoleTarget,
    statements: readonly string[],
    options: { readonly timeout: number; readonly signal?: AbortSignal },
  ): Promise<Outcome<readonly (readonly SqlRow[])[]>>;
}

export interface WriteFileOptions {
  /** `root`: by sudo where the login is not root. */
  readonly as: 'postgres' | 'root';
  /** Octal, such as 750: a file of ours alone, which always gets this mode and its writer as owner; its folder is made. */
  readonly mode?: string;
  /** Milliseconds; default `command_timeout`. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
}

/** What every plugin that may act is handed. */
export interface PluginContext {
  readonly cluster_name: string;
  readonly servers: readonly ServerDef[];
  readonly proxies: readonly ProxyDef[];
  readonly sql: SqlPort;
  readonly hosts: HostPort;
  readonly console: ConsolePort;
  /**
   * Replaces a file on a host as a whole (temporary file, rename), with owner and mode as they were; a new file gets those of its
   * folder, and 0640. True: it was changed, false: it was so already.
   */
  writeFile(host: HostDef, path: string, text: string, options: WriteFileOptions): Promise<Outcome<boolean>>;
  readonly postgres_os_user: string;
  /**
   * The full path of a PostgreSQL program on a server: its bin_dir, else by the version of its data directory, or `major`
   * where that is not made yet, else in PATH.
   */
  findBinary(server: ServerDef, program: string, major?: number): Promise<Outcome<string>>;
  /** Renders a Liquid template; an unknown variable is an error. */
  render(template: string, values: Readonly<Record<string, unknown>>): Promise<Outcome<string>>;
  /** The text of a Liquid template file by its name: the user's own in `templates_dir`, else the built-in one. */
  template(name: string): Promise<Outcome<string>>;
  log(message: string, more?: { readonly server?: string; readonly iserror?: boolean }): void;
  readonly signal: AbortSignal;
}

export interface PollResult {
  readonly reach: Reach;
  /** Null where the method learns nothing but whether the server answers. */
  readonly facts: SqlFacts | null;
}

export interface ReplicationInput {
  readonly def: ServerDef;
  readonly replica: SqlFacts;
  /** Null: the master gave no facts in this round. */
  readonly master: SqlFacts | null;
}

export interface ReplicationJudgement {
  readonly lagged: boolean;
  readonly lag_bytes: number | null;
  readonly lag_ms: number | null;
  readonly message: string;
}

/** A replica that is fit to be promoted, for a selection plugin to order. */
export interface SelectionCandidate {
  readonly server: string;
  readonly lsn: bigint;
  /** Bytes behind the candidate that is furthest ahead. */
  readonly behind: number;
  readonly failover_priority: number;
}

export type ServiceAction = 'start' | 'stop' | 'restart';
export type StopMode = 'fast' | 'immediate';

export interface ServiceRequest {
  readonly server: ServerDef;
  readonly action: ServiceAction;
  readonly mode: StopMode;
  /** Milliseconds to wait for the end state. */
  readonly timeout: number;
}

/** How far a long copy is. */
export interface CopyProgress {
  readonly server: string;
  /** In words: "checkpoint", "copying", "WAL". */
  readonly phase: string;
  readonly bytes: number;
  /** Null where it is not known. */
  readonly total: number | null;
}

/**
 * What a method gets to build the data directory of one server from another's. What lies outside of the data directory
 * is known by the settings of the method: `tablespace_mapping` and `waldir`, where it has settings of these names.
 */
export interface CloneRequest {
  /** The running server to copy from. */
  readonly source: ServerDef;
  /** Its major version. */
  readonly major: number;
  readonly target: ServerDef;
  /** A libpq connection string for replication connections to the source, without a password. */
  readonly conninfo: string;
  /** For that connection; null: the password file of the postgres OS user on the target decides. */
  readonly password: string | null;
  /** Of the source, those outside of its data directory. */
  readonly tablespaces: readonly Tablespace[];
  /** Where pg_wal of the directory that is replaced was a link to; null: it was inside. */
  readonly waldir: string | null;
  /** About how many bytes there are to copy. */
  readonly bytes: number;
  /**
   * Called before anything is touched: until then a failure leaves the target as it was, running perhaps. Stops it, keeps
   * its own files, and with `empty` removes what the data directory holds; with `reuse` only what it could be started by.
   */
  prepare(how: 'empty' | 'reuse'): Promise<Outcome<void>>;
  /**
   * For a method that copies WAL by itself as it is written: what was written until now need not be kept for it. One that
   * never calls it finds all WAL from the beginning of the copy on the master.
   */
  walIsStreamed(): void;
  progress(seen: CopyProgress): void;
}

/** What a method gets to bring a stopped server back behind a master that it may have diverged from. */
export interface RejoinRequest {
  /** Stopped, its WAL and own files kept elsewhere. */
  readonly target: ServerDef;
  readonly master: ServerDef;
  /** Whether it holds WAL that the master's history does not. */
  readonly diverged: boolean;
  /** A libpq connection string to the master as our role, without a password. */
  readonly conninfo: string;
  /** For that connection; null: the password file of the postgres OS user on the target decides. */
  readonly password: string | null;
  /** The operator allows to copy the whole data directory anew (`--reclone`). */
  readonly may_reclone: boolean;
  /** Copies the whole data directory anew by the server's clone_method. */
  reclone(): Promise<Outcome<string>>;
  progress(seen: CopyProgress): void;
}

/** The facts of an operation, for extra commands. */
export interface OperationFacts {
  /** Its id, as in `handyrep history`. */
  readonly operation: string;
  readonly kind: 'failover' | 'switchover';
  /** False: an operator asked for it. */
  readonly automatic: boolean;
  /** The run that carries it out, as in the log. */
  readonly run: string;
  readonly when: 'before' | 'after';
  readonly cluster_name: string;
  readonly old_master: string;
  readonly old_master_host: string;
  readonly old_master_port: number;
  /** Before the choice: who it will be as it looks now. */
  readonly new_master: string;
  readonly new_master_host: string;
  readonly new_master_port: number;
  readonly loss: string;
  /** What it was decided from, in words. */
  readonly reason: string;
}

export type { Alert };

/**
 * What a connection method is asked to do, of one proxy at a time.
 *
 * - `pause`: clients wait, and no transaction of theirs is under way when it answers. In a bounded time, else it is undone and
 *   fails. A method that cannot let clients wait answers ok.
 * - `move`: clients go to `master`, read-only ones to `replicas`, and whoever was paused goes on. Done again, it changes nothing.
 * - `look`: whether it sends clients there now. Changes nothing.
 */
export interface ConnectionRequest {
  readonly action: 'pause' | 'move' | 'look';
  /** Null: no server of the configuration is a proxy, and the method works without one (an address, a name). */
  readonly proxy: ProxyDef | null;
  readonly master: ServerDef;
  /** Fit to be read from. */
  readonly replicas: readonly ServerDef[];
  /** Every other server of the cluster that may have been the master. */
  readonly others: readonly ServerDef[];
  /** A look: log in as a client would, too. */
  readonly as_client: boolean;
}

/** Whose scripts an archive method is asked for. */
export interface ArchiveRequest {
  readonly server: ServerDef;
  /** The recorded master; null: none is. */
  readonly master: string | null;
}

/** One place of an archive: a folder, and how the postgres OS user of the server reaches it. */
export interface ArchivePlace {
  /** For messages; letters, digits and `. _ : -` only. */
  readonly name: string;
  readonly directory: string;
  /** ssh with all its arguments, the host last; empty: a folder of the server's own host. */
  readonly ssh: readonly string[];
  /** A command there that prints the file whose name comes behind it, where the folder has it no more; empty: none. */
  readonly get: readonly string[];
}

/** What the scripts of one server are made from. */
export interface ArchivePlan {
  /** Where WAL goes, best first. */
  readonly places: readonly ArchivePlace[];
  /** How many of them must have a file before PostgreSQL may remove it. */
  readonly copies: number;
  /** Where WAL comes from, best first. */
  readonly sources: readonly ArchivePlace[];
  /** Seconds for one file at one place. */
  readonly timeout: number;
  /** Names of the templates. */
  readonly archive_template: string;
  readonly restore_template: string;
  /** Why nothing of it is to be deleted by us, in words; null: it may be. */
  readonly kept_by: string | null;
}

/** What may be deleted of an archive. A file goes only when both HandyRep and the method agree. */
export interface ArchiveCleanup {
  /** The master: commands run on its host, as whoever archives. */
  readonly server: ServerDef;
  readonly place: ArchivePlace;
  /**
   * The last sixteen digits of the first segment that a server, or a replication slot, still needs, whatever its timeline: that
   * one and those behind it stay.
   */
  readonly needed_from: string;
  /** Count, and delete nothing. */
  readonly dry_run: boolean;
}

/** What each kind of plugin does. `done` texts are one line for the log. */
export interface PluginKinds {
  poll_method: (context: PluginContext, server: ServerDef) => Promise<PollResult>;
  /** Pure: gets no way to the servers. */
  replication_status_method: (input: ReplicationInput) => ReplicationJudgement;
  /** Pure: names, best first. */
  selection_method: (candidates: readonly SelectionCandidate[]) => readonly string[];
  restart_method: (context: PluginContext, request: ServiceRequest) => Promise<Outcome<string>>;
  promotion_method: (context: PluginContext, server: ServerDef) => Promise<Outcome<string>>;
  /** Ok only when the copy is whole; what it made of a copy that failed or was interrupted, it takes away. */
  clone_method: (context: PluginContext, request: CloneRequest) => Promise<Outcome<string>>;
  /** Ok only when the data directory is one that can follow the master. */
  rejoin_method: (context: PluginContext, request: RejoinRequest) => Promise<Outcome<string>>;
  /** Ok only when the host is proved unable to take writes. */
  fence_method: (context: PluginContext, server: ServerDef) => Promise<Outcome<string>>;
  master_check_method: (
    context: PluginContext,
  ) => Promise<Outcome<{ readonly active: boolean; readonly detail: string }>>;
  connection_failover_method: (context: PluginContext, request: ConnectionRequest) => Promise<Outcome<string>>;
  /** Where the archive is, as seen from one server. Changes nothing. */
  archive_script_method: (context: PluginContext, request: ArchiveRequest) => Promise<Outcome<ArchivePlan>>;
  /** Deletes from one place what is no longer wanted; what it did in one line. */
  archive_delete_method: (context: PluginContext, request: ArchiveCleanup) => Promise<Outcome<string>>;
  extra_command: (
    context: PluginContext,
    facts: OperationFacts,
    parameters: readonly string[],
  ) => Promise<Outcome<string>>;
  push_alert_method: (context: PluginContext, alert: Alert) => Promise<Outcome<string>>;
  /** Fits wherever a plugin acts and answers with one line. */
  any: () => Promise<Outcome<string>>;
}

export type PluginKind = keyof PluginKinds;

/** Zod, handed to a plugin's `settings`, so that a user's plugin needs no package of its own. */
export type Zod = typeof zod.z;
export type SettingsSchema = zod.ZodObject;

/**
 * A plugin: its kind, a schema for its part of `plugins:` in the configuration, what it does, and a harmless test of
 * whether it would work, for `doctor`.
 */
export interface Plugin<K extends PluginKind, S extends SettingsSchema = SettingsSchema> {
  readonly kind: K;
  readonly description: string;
  /** Absent: it has no settings. */
  readonly settings?: (z: Zod) => S;
  /** Gets its validated settings once; what it returns is what HandyRep calls. */
  readonly run: (settings: zod.output<S>) => PluginKinds[K];
  /** Proves without changing anything that `run` would find what it needs on this server. */
  readonly test?: (settings: zod.output<S>, context: PluginContext, server: ServerDef) => Promise<Outcome<string>>;
}

/** Gives a plugin its types; returns it unchanged. A plugin file exports the result as its default. */
export function definePlugin<K extends PluginKind, S extends SettingsSchema>(plugin: Plugin<K, S>): Plugin<K, S> {
  return plugin;
}
