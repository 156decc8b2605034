import type { Config } from '../config/effective.js';
import type { Event } from '../core/event.js';
import type { SavedState, ServerDef } from '../core/model.js';
import type { ManagerObservation } from '../core/observation.js';
import type { Select } from '../core/rank.js';
import type { Actor, Tools } from '../act/actor.js';
import type { LoadedConfig } from '../config/loaded.js';
import type { LightLook } from '../observe/servers.js';
import type { Vigil } from '../observe/vigil.js';
import type { HostPort, PluginContext, PluginKinds, SqlPort } from '../plugin/contract.js';
import type { Registry } from '../plugin/registry.js';
import type { EvidenceJournal } from '../report/evidence.js';
import type { SessionState } from './holder.js';
import type { Memory } from './memory.js';
import { lightLookOf, makeTools } from './tools.js';

/** One run under the lock: the state it holds, and the ways to the servers. */
export interface Session {
  readonly run: string;
  /** The command that was asked for. */
  readonly command: string;
  readonly evidence: EvidenceJournal;
  readonly loaded: LoadedConfig;
  /** Of {@link loaded}. */
  readonly config: Config;
  readonly state: SessionState;
  /** Where the state came from when the run began. */
  readonly source: Memory['source'];
  /** The generation of that state. */
  readonly opened_with: number;
  readonly sql: SqlPort;
  readonly hosts: HostPort;
  readonly registry: Registry;
  /** What plugins are handed while we look: ctrl-C ends it. */
  readonly plugin_context: PluginContext;
  /** The same for acts, which are finished once begun: nothing aborts a promotion in its middle. */
  readonly act_context: PluginContext;
  /** Aborted by ctrl-C, or when the lock was lost: no further effect is begun. */
  readonly signal: AbortSignal;
  /** The same session for looks that this ends, too. */
  until(end: AbortSignal): Session;
  tell(event: Event): void;
  /** A look was saved: people are told of how everything is when this run is over. */
  looked(): void;
  /**
   * Compares the saved state with the copy in the cluster table, once a session: the newer of the two wins. True when
   * the copy was newer and has been taken over. One that the signal ends counts for nothing.
   */
  compareWithTable(signal?: AbortSignal): Promise<boolean>;
  observeManager(): Promise<ManagerObservation>;
  /** Plugins of the configuration, loaded once a session. */
  readonly plugins: SessionPlugins;
}

export interface SessionPlugins {
  /** The configured poll method: whether a server answers, and maybe more. */
  readonly poll: PluginKinds['poll_method'];
  /** poll_connect: role, timeline and positions, which every closer look and every act needs. */
  readonly ask: PluginKinds['poll_method'];
  readonly select: Select;
  readonly replication_status: PluginKinds['replication_status_method'];
  readonly master_check: PluginKinds['master_check_method'];
}

/** The look of a poll. */
export function lightLook(session: Session): LightLook {
  return lightLookOf(session.loaded, session.plugins.poll, session.plugin_context);
}

/** The look of a verify or a closer look: by SQL login, whatever the poll method. */
export function factLook(session: Session): LightLook {
  return lightLookOf(session.loaded, session.plugins.ask, session.plugin_context);
}

/** What carries out operations: nothing aborts a step that was begun, and none is begun after ctrl-C. */
export function actorOf(session: Session, vigil: Vigil | null = null): Actor {
  return {
    ...makeTools({ ...session, sql: session.act_context.sql, context: session.act_context, ask: session.plugins.ask }),
    state: session.state,
    select: session.plugins.select,
    known: (server) => vigil?.known(server) ?? null,
    stopping: () => session.signal.aborted,
  };
}

/** The same ways for what only looks: ctrl-C ends a wait at once. */
export function onlookerOf(session: Session): Tools {
  return makeTools({ ...session, context: session.plugin_context, ask: session.plugins.ask });
}

/** Who is looked at: who is named, else every enabled server, and former masters, which must not come back unnoticed. */
export function watched(state: SavedState, only: readonly string[]): readonly ServerDef[] {
  const former = new Set(state.former_masters.map((one) => one.server));
  return Object.values(state.servers).flatMap(({ def }) => {
    const named = only.length === 0 ? def.enabled || former.has(def.name) : only.includes(def.name);
    return named ? [def] : [];
  });
}
