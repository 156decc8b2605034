import { existsSync } from 'node:fs';
import type { LoadedConfig } from '../config/loaded.js';
import { locateConfig } from '../config/locate.js';
import { openConfig } from '../config/open.js';
import { configFailure } from '../config/problem.js';
import { getSetting } from '../config/setting.js';
import { HandyRepError } from '../core/outcome.js';
import type { ServerDef } from '../core/model.js';
import type { LogLine } from '../report/log-line.js';
import { type TailOptions, followLog, readTail } from '../report/log-tail.js';
import { type Report, failed, success } from '../report/report.js';
import type { ServerView } from '../report/status.js';
import { Calls } from './calls.js';
import type { OpenOptions } from './open-options.js';
import { openConfigMemory } from './config-memory.js';
import { checkOnce, checkRepeatedly } from './failover-checks.js';
import { savedServer, savedStatus } from './saved-status.js';
import type { AdoptOptions, AdoptReport } from './adopt.js';
import type { AlertListReport, AlertTestReport } from './alert-report.js';
import type { CronAction, CronReport } from './cron.js';
import type { DoctorReport } from './doctor.js';
import type { SudoersReport } from './sudoers.js';
import type { DrillOptions, DrillReport } from './drill.js';
import type { ExplainOptions, ExplainReport } from './explain.js';
import type { FailoverOptions } from './failover.js';
import type { CloneOptions, CloneReport } from './clone.js';
import type { HistoryOptions, HistoryReport } from './history.js';
import type { PauseOptions } from './operator.js';
import type { ArchiveCleanupReport, ArchiveReport } from './archive-commands.js';
import type { ProxyReport } from './proxy-commands.js';
import type { RemasterOptions, RemasterReport } from './remaster.js';
import type { ResolveOptions, ResolveReport } from './resolve.js';
import type { ReplayReport } from './replay.js';
import type { ServerChangeReport } from './change-servers.js';
import type { ServerListReport, ServerShowReport } from './server-list.js';
import type { RemoveOptions } from './server-switch.js';
import type { ServerSettings, SettingsRequest } from './servers.js';
import type { ServiceOptions } from './service-acts.js';
import type { ServiceReport } from './service-commands.js';
import type { RejoinOptions, RejoinReport } from './rejoin.js';
import type { TimingsReport } from './timings.js';
import type { CheckReport, FailoverCheckOptions, PollReport, RepeatOptions, StatusReport } from './reports.js';

export interface PromoteOptions {
  readonly force?: boolean;
  readonly dry_run?: boolean;
}

export interface ReplayOptions {
  /** Path of a configuration whose policy is to decide; absent: the recorded one. */
  readonly config?: string;
}

/**
 * HandyRep as a library: each method does what the command of the same name does, under the same lock, and returns the
 * object that `--json` prints. Expected failures are reports with an exit code; bugs are exceptions.
 */
export class HandyRep {
  readonly #calls: Calls;

  private constructor(calls: Calls) {
    this.#calls = calls;
  }

  /**
   * Loads and checks a configuration. Opens no connection and takes no lock.
   *
   * @param file path of the configuration; absent: found as the command finds it
   * @throws {HandyRepError} with code `config_not_found` or `config_invalid`, naming every problem
   */
  static async open(file?: string, options: OpenOptions = {}): Promise<HandyRep> {
    const env = options.env ?? process.env;
    const loaded = await load(file ?? null, env);
    for (const warning of loaded.warnings) options.warn?.(`${warning.path}: ${warning.message}`);
    return new HandyRep(new Calls(loaded, options));
  }

  /** Polls servers and the master, all of them without a name: does each answer, is it in the role that is recorded? */
  async poll(...names: string[]): Promise<PollReport | Report> {
    return this.#calls.run(async (reach) => (await import('./poll.js')).poll(reach, this.#calls.lock_wait, names));
  }

  /** As {@link poll}, for all servers. */
  pollAll(): Promise<PollReport | Report> {
    return this.poll();
  }

  /** Verifies servers, all of them without a name: everything that a failover will need. */
  async verify(...names: string[]): Promise<PollReport | Report> {
    return this.#calls.run(async (reach) => (await import('./poll.js')).verify(reach, this.#calls.lock_wait, names));
  }

  verifyServer(name: string): Promise<PollReport | Report> {
    return this.verify(name);
  }

  verifyAll(): Promise<PollReport | Report> {
    return this.verify();
  }

  /** The cron job: looks, decides, and acts. */
  failoverCheck(options: FailoverCheckOptions = {}): Promise<CheckReport | Report> {
    return checkOnce(this.#calls, options);
  }

  /** Repeats {@link failoverCheck} inside one process; yields the report of each round. */
  failoverChecks(options: FailoverCheckOptions & RepeatOptions): AsyncGenerator<CheckReport | Report, void, undefined> {
    return checkRepeatedly(this.#calls, options);
  }

  /** Promotes a replica in place of a master that is lost. */
  async promote(name: string, options: PromoteOptions = {}): Promise<CheckReport | Report> {
    return this.#calls.run(async (reach) =>
      (await import('./promote.js')).promote(reach, this.#calls.lock_wait, name, options),
    );
  }

  /** Switches over to a replica while the master lives; replaces it when it is lost. */
  async failover(options: FailoverOptions = {}): Promise<CheckReport | Report> {
    return this.#calls.run(async (reach) =>
      (await import('./failover.js')).failover(reach, this.#calls.lock_wait, options),
    );
  }

  /** Makes servers anew as replicas, all at once, and waits until each streams and moves on. */
  async clone(names: string | readonly string[], options: CloneOptions = {}): Promise<CloneReport | Report> {
    const wanted = typeof names === 'string' ? [names] : names;
    return this.#calls.run(async (reach) =>
      (await import('./clone.js')).clone(reach, this.#calls.lock_wait, wanted, options),
    );
  }

  /** Makes a former master, or a replica that fell out, a replica of the master again. Asks nobody: see `rejoin`. */
  async rejoin(name: string, options: RejoinOptions = {}): Promise<RejoinReport | Report> {
    return this.#calls.run(async (reach) =>
      (await import('./rejoin.js')).rejoin(reach, this.#calls.lock_wait, name, options),
    );
  }

  /** Automatic action off, for a time or until {@link resume}; checks go on. */
  async pause(options: PauseOptions = {}): Promise<Report> {
    return this.#calls.run(async (reach) =>
      (await import('./operator.js')).pauseActing(reach, this.#calls.lock_wait, options),
    );
  }

  /** Automatic action on again. */
  async resume(): Promise<Report> {
    return this.#calls.run(async (reach) => (await import('./operator.js')).resumeActing(reach, this.#calls.lock_wait));
  }

  /** Ends the wait that follows an automatic failover: the operator has seen it. */
  async ack(): Promise<Report> {
    return this.#calls.run(async (reach) => (await import('./operator.js')).acknowledge(reach, this.#calls.lock_wait));
  }

  /** Starts a server, and proves that it answers in its recorded role. */
  async start(name: string): Promise<ServiceReport | Report> {
    return this.#service({ action: 'start', server: name });
  }

  /** Stops a server, and proves that no process of its data directory is left. The master only with `yes`. */
  async stop(name: string, options: ServiceOptions = {}): Promise<ServiceReport | Report> {
    return this.#service({ ...options, action: 'stop', server: name });
  }

  /** Restarts a server, and proves that another process answers in the recorded role. The master only with `yes`. */
  async restart(name: string, options: ServiceOptions = {}): Promise<ServiceReport | Report> {
    return this.#service({ ...options, action: 'restart', server: name });
  }

  /** Points a running replica at the master, or at another server, and proves that it streams from there. */
  async remaster(name: string, options: RemasterOptions = {}): Promise<RemasterReport | Report> {
    return this.#calls.run(async (reach) =>
      (await import('./remaster.js')).remaster(reach, this.#calls.lock_wait, name, options),
    );
  }

  /** Shows an unfinished operation and what a check would do with it; finishes it or gives it up where asked to. */
  async resolve(options: ResolveOptions = {}): Promise<ResolveReport | Report> {
    return this.#calls.run(async (reach) =>
      (await import('./resolve.js')).resolve(reach, this.#calls.lock_wait, options),
    );
  }

  /** Takes the live cluster for the truth over what is recorded, with `yes`; refused where it is ambiguous. */
  async adopt(options: AdoptOptions = {}): Promise<AdoptReport | Report> {
    return this.#calls.run(async (reach) => (await import('./adopt.js')).adopt(reach, this.#calls.lock_wait, options));
  }

  /** Looks at everything that a failover will need, and says how each thing that is missing is mended. Changes nothing. */
  async doctor(): Promise<DoctorReport | Report> {
    return this.#calls.run(async (reach) => (await import('./doctor.js')).doctor(reach));
  }

  /** The sudoers lines that are enough on each host; opens no connection, takes no lock. */
  async sudoers(): Promise<SudoersReport | Report> {
    return this.#calls.run(async (reach) => (await import('./sudoers.js')).sudoersReport(reach));
  }

  /** The crontab lines of this configuration: shown, installed for who runs this, or removed. */
  async cron(action: CronAction = 'print'): Promise<CronReport | Report> {
    const { file: config_file } = this.#calls.loaded;
    const env = this.#calls.env;
    return (await import('./cron.js')).cron({ action, config_file, env, signal: this.#calls.signal });
  }

  /** The longest that each kind of run can last with this configuration; opens no connection, takes no lock. */
  async timings(): Promise<TimingsReport | Report> {
    return this.#calls.run(async (reach) => (await import('./timings.js')).timingsReport(reach));
  }

  /** The servers that are known, as last seen; reads one file, takes no lock, opens no connection. */
  async listServers(): Promise<ServerListReport | Report> {
    const state = await this.#calls.saved();
    return state.ok
      ? (await import('./server-list.js')).serverList(this.#calls.loaded, state.value)
      : failed(state.error);
  }

  /** What is recorded of one server, and how it was last seen; as {@link listServers}. */
  async showServer(name: string): Promise<ServerShowReport | Report> {
    const state = await this.#calls.saved();
    if (!state.ok) return failed(state.error);
    return (await import('./server-list.js')).serverShow(this.#calls.loaded, state.value, name);
  }

  /** Adds a server, disabled; what is not given comes from `server_defaults`. */
  async addServer(name: string, settings: ServerSettings): Promise<ServerChangeReport | Report> {
    return this.#calls.run(async (reach) =>
      (await import('./servers.js')).addServer(reach, this.#settings(name, settings)),
    );
  }

  /** Changes what is recorded of a server; a role, or the address of an enabled one, only to what is really there. */
  async alterServer(name: string, settings: ServerSettings): Promise<ServerChangeReport | Report> {
    return this.#calls.run(async (reach) =>
      (await import('./servers.js')).alterServer(reach, this.#settings(name, settings)),
    );
  }

  /** Lets a server take part, when a look shows that it is what it is recorded as: a replica that streams. */
  async enableServer(name: string): Promise<ServerChangeReport | Report> {
    const lock_wait = this.#calls.lock_wait;
    return this.#calls.run(async (reach) =>
      (await import('./server-switch.js')).enableServer(reach, { name, lock_wait }),
    );
  }

  /** Takes a server out of checks and failovers; never the master. It runs on. */
  async disableServer(name: string): Promise<ServerChangeReport | Report> {
    const lock_wait = this.#calls.lock_wait;
    return this.#calls.run(async (reach) =>
      (await import('./server-switch.js')).disableServer(reach, { name, lock_wait }),
    );
  }

  /** Forgets a server and drops its slot on the master, with `yes`; never the master. Its data stays. */
  async removeServer(name: string, options: RemoveOptions = {}): Promise<ServerChangeReport | Report> {
    const request = { ...options, name, lock_wait: this.#calls.lock_wait };
    return this.#calls.run(async (reach) => (await import('./server-switch.js')).removeServer(reach, request));
  }

  /** Sends the clients of these proxies, all without a name, to the master: writes their configuration, has them take it. */
  async initProxies(...names: string[]): Promise<ProxyReport | Report> {
    const request = { names, lock_wait: this.#calls.lock_wait };
    return this.#calls.run(async (reach) => (await import('./proxy-commands.js')).initProxies(reach, request));
  }

  /** Asks these proxies, all without a name, where they send their clients. Changes nothing. */
  async proxyStatus(...names: string[]): Promise<ProxyReport | Report> {
    const request = { names, lock_wait: this.#calls.lock_wait };
    return this.#calls.run(async (reach) => (await import('./proxy-commands.js')).proxyStatus(reach, request));
  }

  /** Installs the archive scripts on every enabled server, lets them work, and has each try its places. */
  async startArchiving(): Promise<ArchiveReport | Report> {
    return this.#calls.run(async (reach) =>
      (await import('./archive-commands.js')).startArchiving(reach, this.#calls.lock_wait),
    );
  }

  /** Nothing is archived until {@link startArchiving}: PostgreSQL keeps its WAL, and the disk of the master fills. */
  async stopArchiving(): Promise<ArchiveReport | Report> {
    return this.#calls.run(async (reach) =>
      (await import('./archive-commands.js')).stopArchiving(reach, this.#calls.lock_wait),
    );
  }

  /** How the archive is, as seen from every enabled server. Changes nothing. */
  async archiveStatus(): Promise<ArchiveReport | Report> {
    return this.#calls.run(async (reach) =>
      (await import('./archive-commands.js')).archiveStatus(reach, this.#calls.lock_wait),
    );
  }

  /** Deletes from the archive what the delete method lets go and no server needs; with `dry_run` only counts it. */
  async cleanUpArchive(options: { readonly dry_run?: boolean } = {}): Promise<ArchiveCleanupReport | Report> {
    const request = { lock_wait: this.#calls.lock_wait, dry_run: options.dry_run === true };
    return this.#calls.run(async (reach) => (await import('./archive-commands.js')).cleanUpArchive(reach, request));
  }

  /** Creates the roles, grants, schema and table on the master, as superuser; can be run again. */
  async init(): Promise<Report> {
    return this.#calls.run(async (reach) => (await import('./init.js')).init(reach));
  }

  /** The SQL that {@link init} runs, for psql; holds no password. */
  async initSql(): Promise<Report & { readonly sql: string }> {
    const { initSql } = await import('./init.js');
    return initSql(this.#calls.loaded.config);
  }

  /** The saved status, its staleness said first; reads one file, takes no lock, opens no connection. */
  getStatus(): Promise<StatusReport | Report> {
    return savedStatus(this.#calls);
  }

  /** One server's saved status. */
  getServerInfo(name: string): Promise<(Report & { readonly server: ServerView }) | Report> {
    return savedServer(this.#calls, name);
  }

  /** The recorded master's name; null when none is recorded. */
  async getMasterName(): Promise<string | null> {
    const status = await this.getStatus();
    return 'servers' in status ? status.master : null;
  }

  /** Past failovers and other operations with evidence and steps, newest first; reads one file, takes no lock. */
  async history(options: HistoryOptions = {}): Promise<HistoryReport | Report> {
    const state = await this.#calls.saved();
    return state.ok ? (await import('./history.js')).historyReport(state.value, options) : failed(state.error);
  }

  /** Why a decision was what it was, and what would have changed it; reads the evidence journal, takes no lock. */
  async explain(options: ExplainOptions = {}): Promise<ExplainReport | Report> {
    return (await import('./explain.js')).explainDecision(this.#calls.loaded, options);
  }

  /** What would happen if: lays imagined faults over the live cluster, and decides. Changes nothing anywhere. */
  async drill(options: DrillOptions = {}): Promise<DrillReport | Report> {
    return this.#calls.run(async (reach) =>
      (await import('./drill.js')).drillCluster(reach, this.#calls.lock_wait, options),
    );
  }

  /** Decides again what was recorded: of a run, or in a file with lines of an evidence journal. */
  async replay(file_or_run: string, options: ReplayOptions = {}): Promise<ReplayReport | Report> {
    const { replayFile, replayRun } = await import('./replay.js');
    const { config } = options;
    const env = this.#calls.env;
    const request = { loaded: this.#calls.loaded, other: config === undefined ? null : await load(config, env) };
    return existsSync(file_or_run) ? replayFile(file_or_run, request) : replayRun(file_or_run, request);
  }

  /** As {@link replay} for a file, on a host that has no configuration. */
  static async replayFile(
    file: string,
    { config, env = process.env }: ReplayOptions & Pick<OpenOptions, 'env'> = {},
  ): Promise<ReplayReport | Report> {
    const { replayFile } = await import('./replay.js');
    return replayFile(file, { loaded: null, other: config === undefined ? null : await load(config, env) });
  }

  /** Sends a test alert by every method of `push_alert_method`. */
  async testAlerts(): Promise<AlertTestReport | Report> {
    return this.#calls.run(async (reach) => (await import('./alert-report.js')).testAlerts(reach));
  }

  /** The alerts that are open and those that are not sent yet; reads one file, takes no lock. */
  async listAlerts(): Promise<AlertListReport | Report> {
    const { listAlerts } = await import('./alert-report.js');
    return listAlerts(this.#calls.loaded.config.handyrep.server_file, Date.now());
  }

  /** The last lines of the log, oldest first. */
  async readLog(
    options: TailOptions = { lines: 20 },
  ): Promise<(Report & { readonly lines: readonly LogLine[] }) | Report> {
    const lines = await readTail(this.#calls.loaded.config.handyrep.log_file, options);
    return lines.ok ? success(`${lines.value.length} line(s)`, { lines: lines.value }) : failed(lines.error);
  }

  /** New lines of the log as they are written, after the last ones, until the signal is aborted. */
  followLog(options: TailOptions = { lines: 20 }): AsyncGenerator<LogLine, void, undefined> {
    return followLog(this.#calls.loaded.config.handyrep.log_file, { ...options, signal: this.#calls.signal });
  }

  /**
   * When the alerts of everything that was done are sent, or kept for a later run; at most some ten seconds. No method waits for
   * it: a process that ends before sends them with its next run.
   */
  async settled(): Promise<void> {
    await this.#calls.settled();
  }

  /** A setting of the configuration by its dotted name; never a secret. Durations in milliseconds, sizes in bytes. */
  getSetting(key: string): unknown {
    const found = getSetting(this.#calls.loaded, key);
    if (!found.ok) throw new HandyRepError(found.error);
    return found.value;
  }

  /** Definitions of the servers in the configuration. */
  get configuredServers(): readonly ServerDef[] {
    return Object.values(this.#calls.loaded.config.servers);
  }

  #service(
    request: ServiceOptions & Pick<ServiceReport, 'action'> & { readonly server: string },
  ): Promise<ServiceReport | Report> {
    return this.#calls.run(async (reach) =>
      (await import('./service-commands.js')).serviceCommand(reach, { ...request, lock_wait: this.#calls.lock_wait }),
    );
  }

  #settings(name: string, settings: ServerSettings): SettingsRequest {
    return { name, settings, lock_wait: this.#calls.lock_wait, env: this.#calls.env };
  }
}

async function load(file: string | null, env: NonNullable<OpenOptions['env']>): Promise<LoadedConfig> {
  const found = locateConfig({ explicit: file, env, cwd: process.cwd() });
  if (!found.ok) throw new HandyRepError(found.error);
  const loaded = await openConfig({ file: found.value, env, memory: openConfigMemory(env) });
  if (!loaded.ok) throw new HandyRepError(configFailure(loaded.problems));
  return loaded.value;
}
