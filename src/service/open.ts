import { setMaxListeners } from 'node:events';
import type { LoadedConfig } from '../config/loaded.js';
import { type Outcome, ok } from '../core/outcome.js';
import { watchedIn } from '../core/alert.js';
import type { Notice } from '../core/alert-notice.js';
import type { Event } from '../core/event.js';
import type { SavedState } from '../core/model.js';
import { newest } from '../core/saved.js';
import { systemClock } from '../io/clock.js';
import { readTemplate } from '../io/templates.js';
import { writeFileOn } from '../io/write-file.js';
import type { ConsolePort, HostPort, PluginContext, SqlPort } from '../plugin/contract.js';
import { findBinary } from '../observe/binary.js';
import type { Registry } from '../plugin/registry.js';
import type { EvidenceJournal } from '../report/evidence.js';
import { whyUnwritable } from '../state/file.js';
import { type HeldLock, acquireLock } from '../state/lock.js';
import { type AlertDesk, type RunNews, noticeOf } from './alerts.js';
import { type SessionState, createHolder } from './holder.js';
import { type Memory, readCopy, recall, tableNames } from './memory.js';
import type { Session, SessionPlugins } from './session.js';

/** The ways to the servers, without lock or state. */
export interface Reach {
  readonly run: string;
  readonly loaded: LoadedConfig;
  readonly sql: SqlPort;
  /** For acts: by sessions that are kept open, where there are any. Looks that decide whether to act connect. */
  readonly act_sql: SqlPort;
  readonly hosts: HostPort;
  readonly console: ConsolePort;
  readonly registry: Registry;
  readonly signal: AbortSignal;
  readonly evidence: EvidenceJournal;
  readonly alerts: AlertDesk;
  tell(event: Event): void;
}

/** A session and what opening it found. */
export interface Opened {
  readonly session: Session;
  readonly memory: Memory;
  close(): Promise<void>;
}

export interface OpenOptions {
  readonly command: string;
  /** Milliseconds. */
  readonly lock_wait: number;
  /** A rehearsal: nobody is told of anything. */
  readonly silent?: boolean;
}

/** Takes the lock, recalls the saved state, and loads the plugins that every check needs. */
export async function openSession(reach: Reach, options: OpenOptions): Promise<Outcome<Opened>> {
  const { config } = reach.loaded;
  const lock = await acquireLock(config.handyrep.server_file, {
    run: reach.run,
    command: options.command,
    wait_ms: options.lock_wait,
    signal: reach.signal,
  });
  if (!lock.ok) return lock;
  const opened = await withLock(reach, options, lock.value);
  if (!opened.ok) await lock.value.release();
  return opened;
}

async function withLock(
  reach: Reach,
  { command, silent = false }: OpenOptions,
  lock: HeldLock,
): Promise<Outcome<Opened>> {
  const { config } = reach.loaded;
  const [memory, plugins] = await Promise.all([recall(config, reach.sql, Date.now()), loadPlugins(reach)]);
  if (!memory.ok) return memory;
  if (!plugins.ok) return plugins;
  const news = silent ? null : collectNews(reach, () => state.current());
  const tell = (event: Event): void => {
    news?.add(event);
    reach.tell(event);
  };
  for (const warning of memory.value.warnings) {
    tell({ category: 'STATE', message: warning, iserror: true, alert: true });
  }
  if (memory.value.overridden) {
    const message = 'override_server_file is true: all saved server information is replaced by the configuration';
    tell({ category: 'CONFIG', message });
  }
  const state = createHolder({
    path: config.handyrep.server_file,
    lock,
    sql: reach.sql,
    table: tableNames(config),
    initial: memory.value.state,
  });
  const signal = AbortSignal.any([reach.signal, lock.signal]);
  setMaxListeners(0, signal);
  const session: Session = {
    run: reach.run,
    command,
    evidence: reach.evidence,
    loaded: reach.loaded,
    config,
    state,
    sql: reach.sql,
    hosts: reach.hosts,
    registry: reach.registry,
    plugin_context: pluginContext(reach, signal, () => state.current()),
    act_context: pluginContext({ ...reach, sql: reach.act_sql }, unabortable(), () => state.current()),
    signal,
    until: (end) => {
      const sooner = AbortSignal.any([signal, end]);
      setMaxListeners(0, sooner);
      return {
        ...session,
        signal: sooner,
        plugin_context: pluginContext(reach, sooner, () => state.current()),
        compareWithTable: () => session.compareWithTable(sooner),
      };
    },
    tell,
    looked: () => news?.looked(),
    compareWithTable: comparison({ ...reach, tell }, state, memory.value),
    observeManager: async () => ({
      boot_id: systemClock.bootId(),
      wall_ms: systemClock.wall(),
      uptime_ms: systemClock.uptime(),
      state_unwritable: await whyUnwritable(config.handyrep.server_file),
    }),
    plugins: plugins.value,
    source: memory.value.source,
    opened_with: memory.value.state.generation,
  };
  return ok({ session, memory: memory.value, close: () => closeSession(session, news, lock) });
}

/** The lock goes first: telling people must not keep the next run from its work, and nobody waits for it. */
async function closeSession(session: Session, news: NewsCollector | null, lock: HeldLock): Promise<void> {
  await lock.release();
  news?.handOver();
  await session.evidence.settled();
}

/** An operation that takes longer than this is announced before it is over. Milliseconds. */
const ANNOUNCE_MS = 10_000;

interface NewsCollector {
  add(event: Event): void;
  /** What is saved is what was seen: people are told of it in the end. */
  looked(): void;
  handOver(): void;
}

function collectNews(reach: Reach, state: () => SavedState): NewsCollector {
  const notices: Notice[] = [];
  let looked = false;
  let announce: NodeJS.Timeout | undefined;
  const hand = (watched: RunNews['watched']): void => {
    const context = (signal: AbortSignal): PluginContext => pluginContext(reach, signal, state);
    const { run, registry, tell } = reach;
    reach.alerts.hand({ run, registry, context, tell, notices: notices.splice(0), watched });
  };
  return {
    add: (event) => {
      const notice = noticeOf(event);
      if (notice === null) return;
      notices.push(notice);
      announce ??= setTimeout(() => {
        announce = undefined;
        hand(null);
      }, ANNOUNCE_MS).unref();
    },
    looked: () => (looked = true),
    handOver: () => {
      clearTimeout(announce);
      hand(looked ? watchedIn(state()) : null);
    },
  };
}

/** See {@link Session.compareWithTable}. What came from the table, or is overridden anyway, is not compared again. */
function comparison(reach: Reach, state: SessionState, memory: Memory): Session['compareWithTable'] {
  const { config } = reach.loaded;
  let pending = memory.source !== 'table' && !config.handyrep.override_server_file;
  return async (signal = reach.signal) => {
    if (!pending) return false;
    const copy = await readCopy(reach.sql, state.current(), tableNames(config), signal);
    // Given up: whoever looks next compares.
    if (signal.aborted) return false;
    pending = false;
    const current = state.current();
    if (copy === null || newest(current, copy) !== copy || copy.generation <= current.generation) {
      state.seenInTable(copy);
      return false;
    }
    state.adopt(copy);
    const message = `the cluster table holds a newer state (generation ${copy.generation}, ours is ${current.generation}): it is used`;
    reach.tell({ category: 'STATE', message, alert: true });
    return true;
  };
}

async function loadPlugins({ registry, loaded }: Reach): Promise<Outcome<SessionPlugins>> {
  const { failover, handyrep } = loaded.config;
  const [poll, ask, select, replication_status, master_check] = await Promise.all([
    registry.get('poll_method', failover.poll_method),
    registry.get('poll_method', 'poll_connect'),
    registry.get('selection_method', failover.selection_method),
    registry.get('replication_status_method', failover.replication_status_method),
    registry.get('master_check_method', handyrep.master_check_method),
  ]);
  if (!poll.ok) return poll;
  if (!ask.ok) return ask;
  if (!select.ok) return select;
  if (!replication_status.ok) return replication_status;
  if (!master_check.ok) return master_check;
  return ok({
    poll: poll.value,
    ask: ask.value,
    select: select.value,
    replication_status: replication_status.value,
    master_check: master_check.value,
  });
}

function unabortable(): AbortSignal {
  const { signal } = new AbortController();
  setMaxListeners(0, signal);
  return signal;
}

export function pluginContext(reach: Reach, signal: AbortSignal, state: () => SavedState): PluginContext {
  const { config } = reach.loaded;
  return {
    cluster_name: config.handyrep.cluster_name,
    get servers() {
      return Object.values(state().servers).map(({ def }) => def);
    },
    get proxies() {
      return Object.values(state().proxies).map(({ def }) => def);
    },
    sql: reach.sql,
    hosts: reach.hosts,
    console: reach.console,
    writeFile: (host, path, text, options) => writeFileOn(reach.hosts, host, path, text, options),
    postgres_os_user: config.handyrep.postgres_os_user,
    findBinary: (server, program, major) => findBinary(reach.hosts, server, program, major),
    render: async (template, values) => (await import('../io/template.js')).render(template, values),
    template: (name) => readTemplate(name, config.handyrep.templates_dir),
    log: (message, more) => reach.tell({ category: 'PLUGIN', message, ...more }),
    signal,
  };
}
