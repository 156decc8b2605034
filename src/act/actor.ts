import type { Event } from '../core/event.js';
import type { Operation, SavedState, ServerDef } from '../core/model.js';
import type { ServerObservation } from '../core/observation.js';
import type { Outcome } from '../core/outcome.js';
import type { Select } from '../core/rank.js';
import type { Situation } from '../core/situation.js';
import type { HostPort, PluginContext, SqlPort } from '../plugin/contract.js';
import type { Registry } from '../plugin/registry.js';

/** The saved state as one run holds it, under its lock. */
export interface StateHolder {
  current(): SavedState;
  /** Writes the next state (generation and time are set here); refused when the lock is no longer ours. */
  save(change: (state: SavedState) => SavedState): Promise<Outcome<SavedState>>;
  /** Writes the state to the cluster table of this server: `always`, or only when it changed in what matters. */
  publish(master: ServerDef, always: boolean, signal?: AbortSignal): Promise<Outcome<void>>;
}

/** The ways to act on servers; with or without the lock. */
export interface Tools {
  readonly run: string;
  readonly sql: SqlPort;
  readonly hosts: HostPort;
  readonly registry: Registry;
  readonly plugin_context: PluginContext;
  /** Ends what is under way. In an operation nothing aborts it: a step that was begun is finished. */
  readonly signal: AbortSignal;
  readonly settings: ActSettings;
  /** A fresh light look. */
  look(server: ServerDef): Promise<ServerObservation>;
  now(): number;
  tell(event: Event): void;
}

/** What carrying out an operation needs besides: the saved state, under the lock. */
export interface Actor extends Tools {
  readonly state: StateHolder;
  readonly select: Select;
  /** What is known of a silent master that somebody keeps asking; null: look. */
  known(server: ServerDef): ServerObservation | null;
  /** True when no further step may begin: ctrl-C, or the lock was lost. */
  stopping(): boolean;
}

/** Times in milliseconds. */
export interface ActSettings {
  readonly handyrep_db: string;
  readonly handyrep_user: string;
  readonly replication_user: string;
  /** Null: the password file of the postgres OS user on the servers. A secret: never printed, logged or journalled. */
  readonly replication_pass: string | null;
  /** As {@link replication_pass}, for pg_rewind. */
  readonly handyrep_pass: string | null;
  readonly connect_timeout: number;
  readonly ssh_timeout: number;
  readonly command_timeout: number;
  /** How long a started, promoted or remastered server may take. */
  readonly recovery_timeout: number;
  readonly extra_commands: readonly {
    readonly name: string;
    readonly command: string;
    readonly parameters: readonly string[];
    readonly when: 'after' | 'before';
    readonly timeout: number;
  }[];
}

/** What a step's handler is given. */
export interface StepInput {
  readonly actor: Actor;
  readonly operation: Operation;
  /** The situation that the operation was decided from; null when it is resumed by a later run. */
  readonly situation: Situation | null;
  /** Journals a change of the operation before an effect that it must be able to undo. */
  note(change: (operation: Operation) => Operation): Promise<Outcome<void>>;
}

/** What a fresh look comes to, or what is known that is as fresh. */
export async function lookOrKnown(actor: Actor, server: ServerDef): Promise<ServerObservation> {
  return actor.known(server) ?? (await actor.look(server));
}

export type { StepResult } from '../core/journal.js';

export function serverDef(actor: Actor, name: string): ServerDef | null {
  return actor.state.current().servers[name]?.def ?? null;
}
