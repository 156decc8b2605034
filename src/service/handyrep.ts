import { LOCK_BESIDE_MS, SSH_LOGIN_MS } from '../core/limits.js';
import { existsSync } from 'node:fs';
import { type LoadedConfig, secretsOf } from '../config/loaded.js';
import { locateConfig } from '../config/locate.js';
import { openConfig } from '../config/open.js';
import { configFailure } from '../config/problem.js';
import { getSetting } from '../config/setting.js';
import { HandyRepError, type Outcome, ok } from '../core/outcome.js';
import { unknownServer } from '../core/unknown-server.js';
import type { SavedState, ServerDef } from '../core/model.js';
import type { EvidenceJournal } from '../report/evidence.js';
import { type Log, openLog } from '../report/log.js';
import type { LogLine } from '../report/log-line.js';
import { type TailOptions, followLog, readTail } from '../report/log-tail.js';
import { redactor } from '../report/redact.js';
import { type Report, checked, failed, success } from '../report/report.js';
import { type ServerView, viewStatus } from '../report/status.js';
import { loadStateFile } from '../state/file.js';
import { openConfigMemory } from './config-memory.js';
import { serverDifferences } from './differences.js';
import type { AdoptOptions, AdoptReport } from './adopt.js';
import type { AlertListReport, AlertTestReport } from './alert-report.js';
import type { AlertDesk } from './alerts.js';
import type { CronAction, CronReport } from './cron.js';
import type { DoctorReport } from './doctor.js';
import type { SessionSource } from '../io/sql-session.js';
import type { Sign } from './doubt.js';
import type { Beside, Calm } from './failover-check.js';
import type { SudoersReport } from './sudoers.js';
import type { DrillOptions, DrillReport } from './drill.js';
import type { ExplainOptions, ExplainReport } from './explain.js';
import type { FailoverOptions } from './failover.js';
import type { CloneOptions, CloneReport } from './clone.js';
import type { Reach } from './open.js';
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
import type { CheckReport, PollReport, RejoinedView, RepeatOptions, StatusReport } from './reports.js';

export interface OpenOptions {
  /** Where settings and secrets of the form `{ env: NAME }` come from; default `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Milliseconds to wait for another run to end; default 0: a busy lock is an answer (exit code 3). */
  readonly lock_wait?: number;
  /** Ends what is under way: before its next effect, never in the middle of one. */
  readonly signal?: AbortSignal;
  /** Warnings that belong on stderr; default: dropped. */
  readonly warn?: (message: string) => void;
}

export interface FailoverCheckOptions {
  readonly verify?: boolean;
  /** Decide and show the plan; change nothing anywhere. */
  readonly dry_run?: boolean;
}

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
  readonly #loaded: LoadedConfig;
  readonly #options: OpenOptions;
  #alerts: AlertDesk | null = null;

  private constructor(loaded: LoadedConfig, options: OpenOptions) {
    this.#loaded = loaded;
    this.#options = options;
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
    return new HandyRep(loaded, options);
  }

  /** Polls servers and the master, all of them without a name: does each answer, is it in the role that is recorded? */
  async poll(...names: string[]): Promise<PollReport | Report> {
    return this.#run(async (reach) => (await import('./poll.js')).poll(reach, this.#lockWait(), names));
  }

  /** As {@link poll}, for all servers. */
  pollAll(): Promise<PollReport | Report> {
    return this.poll();
  }

  /** Verifies servers, all of them without a name: everything that a failover will need. */
  async verify(...names: string[]): Promise<PollReport | Report> {
    return this.#run(async (reach) => (await import('./poll.js')).verify(reach, this.#lockWait(), names));
  }

  verifyServer(name: string): Promise<PollReport | Report> {
    return this.verify(name);
  }

  verifyAll(): Promise<PollReport | Report> {
    return this.verify();
  }

  /** The cron job: looks, decides, and acts. */
  async failoverCheck(options: FailoverCheckOptions = {}): Promise<CheckReport | Report> {
    const report = await this.#check(options);
    const rejoined = await this.#rejoinAfter(options, report);
    return 'rejoined' in report ? { ...report, rejoined } : report;
  }

  /** Repeats {@link failoverCheck} inside one process; yields the report of each round. */
  async *failoverChecks(
    options: FailoverCheckOptions & RepeatOptions,
  ): AsyncGenerator<CheckReport | Report, void, undefined> {
    const [{ repeat }, { createSentinel }, { keepWarm }, { createKeptSessions }, { sqlSettings }] = await Promise.all([
      import('./failover-check.js'),
      import('./sentinel.js'),
      import('./warm.js'),
      import('../io/kept-sessions.js'),
      import('./open.js'),
    ]);
    const { sql, hosts, tell } = await this.#reach();
    const beside = {
      rejoin: (report: CheckReport | Report) => this.#rejoinAfter(options, report),
      calm: (report: CheckReport | Report) => this.#calm(report),
      sentinel: createSentinel(sql, this.#signal(), (message) => {
        tell({ category: 'FAILURE', message: `${message}: looking at once` });
      }),
      kept: createKeptSessions(sqlSettings(this.#loaded), this.#signal()),
      warmth: keepWarm(hosts, this.#loaded.config.handyrep.ssh_timeout + SSH_LOGIN_MS, this.#signal()),
    };
    const every = options.every ?? this.#loaded.config.failover.poll_interval;
    yield* repeat((sign) => this.#check(options, sign, beside), beside, { ...options, every }, this.#signal());
  }

  /** Promotes a replica in place of a master that is lost. */
  async promote(name: string, options: PromoteOptions = {}): Promise<CheckReport | Report> {
    return this.#run(async (reach) => (await import('./promote.js')).promote(reach, this.#lockWait(), name, options));
  }

  /** Switches over to a replica while the master lives; replaces it when it is lost. */
  async failover(options: FailoverOptions = {}): Promise<CheckReport | Report> {
    return this.#run(async (reach) => (await import('./failover.js')).failover(reach, this.#lockWait(), options));
  }

  /** Makes servers anew as replicas, all at once, and waits until each streams and moves on. */
  async clone(names: string | readonly string[], options: CloneOptions = {}): Promise<CloneReport | Report> {
    const wanted = typeof names === 'string' ? [names] : names;
    return this.#run(async (reach) => (await import('./clone.js')).clone(reach, this.#lockWait(), wanted, options));
  }

  /** Makes a former master, or a replica that fell out, a replica of the master again. Asks nobody: see `rejoin`. */
  async rejoin(name: string, options: RejoinOptions = {}): Promise<RejoinReport | Report> {
    return this.#run(async (reach) => (await import('./rejoin.js')).rejoin(reach, this.#lockWait(), name, options));
  }

  /** Automatic action off, for a time or until {@link resume}; checks go on. */
  async pause(options: PauseOptions = {}): Promise<Report> {
    return this.#run(async (reach) => (await import('./operator.js')).pauseActing(reach, this.#lockWait(), options));
  }

  /** Automatic action on again. */
  async resume(): Promise<Report> {
    return this.#run(async (reach) => (await import('./operator.js')).resumeActing(reach, this.#lockWait()));
  }

  /** Ends the wait that follows an automatic failover: the operator has seen it. */
  async ack(): Promise<Report> {
    return this.#run(async (reach) => (await import('./operator.js')).acknowledge(reach, this.#lockWait()));
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
    return this.#run(async (reach) => (await import('./remaster.js')).remaster(reach, this.#lockWait(), name, options));
  }

  /** Shows an unfinished operation and what a check would do with it; finishes it or gives it up where asked to. */
  async resolve(options: ResolveOptions = {}): Promise<ResolveReport | Report> {
    return this.#run(async (reach) => (await import('./resolve.js')).resolve(reach, this.#lockWait(), options));
  }

  /** Takes the live cluster for the truth over what is recorded, with `yes`; refused where it is ambiguous. */
  async adopt(options: AdoptOptions = {}): Promise<AdoptReport | Report> {
    return this.#run(async (reach) => (await import('./adopt.js')).adopt(reach, this.#lockWait(), options));
  }

  /** Looks at everything that a failover will need, and says how each thing that is missing is mended. Changes nothing. */
  async doctor(): Promise<DoctorReport | Report> {
    return this.#run(async (reach) => (await import('./doctor.js')).doctor(reach));
  }

  /** The sudoers lines that are enough on each host; opens no connection, takes no lock. */
  async sudoers(): Promise<SudoersReport | Report> {
    return this.#run(async (reach) => (await import('./sudoers.js')).sudoersReport(reach));
  }

  /** The crontab lines of this configuration: shown, installed for who runs this, or removed. */
  async cron(action: CronAction = 'print'): Promise<CronReport | Report> {
    const { file: config_file } = this.#loaded;
    const env = this.#options.env ?? process.env;
    return (await import('./cron.js')).cron({ action, config_file, env, signal: this.#signal() });
  }

  /** The longest that each kind of run can last with this configuration; opens no connection, takes no lock. */
  async timings(): Promise<TimingsReport | Report> {
    return this.#run(async (reach) => (await import('./timings.js')).timingsReport(reach));
  }

  /** The servers that are known, as last seen; reads one file, takes no lock, opens no connection. */
  async listServers(): Promise<ServerListReport | Report> {
    const state = await this.#saved();
    return state.ok ? (await import('./server-list.js')).serverList(this.#loaded, state.value) : failed(state.error);
  }

  /** What is recorded of one server, and how it was last seen; as {@link listServers}. */
  async showServer(name: string): Promise<ServerShowReport | Report> {
    const state = await this.#saved();
    if (!state.ok) return failed(state.error);
    return (await import('./server-list.js')).serverShow(this.#loaded, state.value, name);
  }

  /** Adds a server, disabled; what is not given comes from `server_defaults`. */
  async addServer(name: string, settings: ServerSettings): Promise<ServerChangeReport | Report> {
    return this.#run(async (reach) => (await import('./servers.js')).addServer(reach, this.#settings(name, settings)));
  }

  /** Changes what is recorded of a server; a role, or the address of an enabled one, only to what is really there. */
  async alterServer(name: string, settings: ServerSettings): Promise<ServerChangeReport | Report> {
    return this.#run(async (reach) =>
      (await import('./servers.js')).alterServer(reach, this.#settings(name, settings)),
    );
  }

  /** Lets a server take part, when a look shows that it is what it is recorded as: a replica that streams. */
  async enableServer(name: string): Promise<ServerChangeReport | Report> {
    const lock_wait = this.#lockWait();
    return this.#run(async (reach) => (await import('./server-switch.js')).enableServer(reach, { name, lock_wait }));
  }

  /** Takes a server out of checks and failovers; never the master. It runs on. */
  async disableServer(name: string): Promise<ServerChangeReport | Report> {
    const lock_wait = this.#lockWait();
    return this.#run(async (reach) => (await import('./server-switch.js')).disableServer(reach, { name, lock_wait }));
  }

  /** Forgets a server and drops its slot on the master, with `yes`; never the master. Its data stays. */
  async removeServer(name: string, options: RemoveOptions = {}): Promise<ServerChangeReport | Report> {
    const request = { ...options, name, lock_wait: this.#lockWait() };
    return this.#run(async (reach) => (await import('./server-switch.js')).removeServer(reach, request));
  }

  /** Sends the clients of these proxies, all without a name, to the master: writes their configuration, has them take it. */
  async initProxies(...names: string[]): Promise<ProxyReport | Report> {
    const request = { names, lock_wait: this.#lockWait() };
    return this.#run(async (reach) => (await import('./proxy-commands.js')).initProxies(reach, request));
  }

  /** Asks these proxies, all without a name, where they send their clients. Changes nothing. */
  async proxyStatus(...names: string[]): Promise<ProxyReport | Report> {
    const request = { names, lock_wait: this.#lockWait() };
    return this.#run(async (reach) => (await import('./proxy-commands.js')).proxyStatus(reach, request));
  }

  /** Installs the archive scripts on every enabled server, lets them work, and has each try its places. */
  async startArchiving(): Promise<ArchiveReport | Report> {
    return this.#run(async (reach) => (await import('./archive-commands.js')).startArchiving(reach, this.#lockWait()));
  }

  /** Nothing is archived until {@link startArchiving}: PostgreSQL keeps its WAL, and the disk of the master fills. */
  async stopArchiving(): Promise<ArchiveReport | Report> {
    return this.#run(async (reach) => (await import('./archive-commands.js')).stopArchiving(reach, this.#lockWait()));
  }

  /** How the archive is, as seen from every enabled server. Changes nothing. */
  async archiveStatus(): Promise<ArchiveReport | Report> {
    return this.#run(async (reach) => (await import('./archive-commands.js')).archiveStatus(reach, this.#lockWait()));
  }

  /** Deletes from the archive what the delete method lets go and no server needs; with `dry_run` only counts it. */
  async cleanUpArchive(options: { readonly dry_run?: boolean } = {}): Promise<ArchiveCleanupReport | Report> {
    const request = { lock_wait: this.#lockWait(), dry_run: options.dry_run === true };
    return this.#run(async (reach) => (await import('./archive-commands.js')).cleanUpArchive(reach, request));
  }

  /** Creates the roles, grants, schema and table on the master, as superuser; can be run again. */
  async init(): Promise<Report> {
    return this.#run(async (reach) => (await import('./init.js')).init(reach));
  }

  /** The SQL that {@link init} runs, for psql; holds no password. */
  async initSql(): Promise<Report & { readonly sql: string }> {
    const { initSql } = await import('./init.js');
    return initSql(this.#loaded.config);
  }

  /** The saved status, its staleness said first; reads one file, takes no lock, opens no connection. */
  async getStatus(): Promise<StatusReport | Report> {
    const state = await this.#saved();
    if (!state.ok) return failed(state.error);
    if (state.value === null) {
      return failed({
        code: 'state_unreadable',
        message: `there is no saved state in ${this.#loaded.config.handyrep.server_file}: no check was made yet`,
        hint: 'run `handyrep verify`',
      });
    }
    const view = viewStatus(state.value, this.#loaded.config.failover, Date.now());
    const differences = serverDifferences(this.#loaded.config, state.value);
    return checked(view.master_up, `${view.cluster.status}: ${view.cluster.status_message}`, null, {
      ...view,
      differences,
    });
  }

  /** One server's saved status. */
  async getServerInfo(name: string): Promise<(Report & { readonly server: ServerView }) | Report> {
    const status = await this.getStatus();
    if (!('servers' in status)) return status;
    const server = status.servers.find((one) => one.name === name);
    if (server === undefined)
      return failed(
        unknownServer(
          name,
          status.servers.map((one) => one.name),
        ),
      );
    return success(`${name} is ${server.status}: ${server.status_message}`, { server });
  }

  /** The recorded master's name; null when none is recorded. */
  async getMasterName(): Promise<string | null> {
    const status = await this.getStatus();
    return 'servers' in status ? status.master : null;
  }

  /** Past failovers and other operations with evidence and steps, newest first; reads one file, takes no lock. */
  async history(options: HistoryOptions = {}): Promise<HistoryReport | Report> {
    const state = await this.#saved();
    return state.ok ? (await import('./history.js')).historyReport(state.value, options) : failed(state.error);
  }

  /** Why a decision was what it was, and what would have changed it; reads the evidence journal, takes no lock. */
  async explain(options: ExplainOptions = {}): Promise<ExplainReport | Report> {
    return (await import('./explain.js')).explainDecision(this.#loaded, options);
  }

  /** What would happen if: lays imagined faults over the live cluster, and decides. Changes nothing anywhere. */
  async drill(options: DrillOptions = {}): Promise<DrillReport | Report> {
    return this.#run(async (reach) => (await import('./drill.js')).drillCluster(reach, this.#lockWait(), options));
  }

  /** Decides again what was recorded: of a run, or in a file with lines of an evidence journal. */
  async replay(file_or_run: string, options: ReplayOptions = {}): Promise<ReplayReport | Report> {
    const { replayFile, replayRun } = await import('./replay.js');
    const { config } = options;
    const env = this.#options.env ?? process.env;
    const request = { loaded: this.#loaded, other: config === undefined ? null : await load(config, env) };
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
    return this.#run(async (reach) => (await import('./alert-report.js')).testAlerts(reach));
  }

  /** The alerts that are open and those that are not sent yet; reads one file, takes no lock. */
  async listAlerts(): Promise<AlertListReport | Report> {
    const { listAlerts } = await import('./alert-report.js');
    return listAlerts(this.#loaded.config.handyrep.server_file, Date.now());
  }

  /** The last lines of the log, oldest first. */
  async readLog(
    options: TailOptions = { lines: 20 },
  ): Promise<(Report & { readonly lines: readonly LogLine[] }) | Report> {
    const lines = await readTail(this.#loaded.config.handyrep.log_file, options);
    return lines.ok ? success(`${lines.value.length} line(s)`, { lines: lines.value }) : failed(lines.error);
  }

  /** New lines of the log as they are written, after the last ones, until the signal is aborted. */
  followLog(options: TailOptions = { lines: 20 }): AsyncGenerator<LogLine, void, undefined> {
    return followLog(this.#loaded.config.handyrep.log_file, { ...options, signal: this.#signal() });
  }

  /**
   * When the alerts of everything that was done are sent, or kept for a later run; at most some ten seconds. No method waits for
   * it: a process that ends before sends them with its next run.
   */
  async settled(): Promise<void> {
    await this.#alerts?.settled();
  }

  /** A setting of the configuration by its dotted name; never a secret. Durations in milliseconds, sizes in bytes. */
  getSetting(key: string): unknown {
    const found = getSetting(this.#loaded, key);
    if (!found.ok) throw new HandyRepError(found.error);
    return found.value;
  }

  /** Definitions of the servers in the configuration. */
  get configuredServers(): readonly ServerDef[] {
    return Object.values(this.#loaded.config.servers);
  }

  #settings(name: string, settings: ServerSettings): SettingsRequest {
    return { name, settings, lock_wait: this.#lockWait(), env: this.#options.env ?? process.env };
  }

  /** The saved state as it is; null when nothing was saved yet. */
  async #saved(): Promise<Outcome<SavedState | null>> {
    const { cluster_name, server_file } = this.#loaded.config.handyrep;
    const state = await loadStateFile(server_file, { cluster_name, repair: false, now: Date.now() });
    if (!state.ok) return state;
    for (const warning of state.value.warnings) this.#options.warn?.(warning);
    return ok(state.value.state);
  }

  #service(
    request: ServiceOptions & Pick<ServiceReport, 'action'> & { readonly server: string },
  ): Promise<ServiceReport | Report> {
    return this.#run(async (reach) =>
      (await import('./service-commands.js')).serviceCommand(reach, { ...request, lock_wait: this.#lockWait() }),
    );
  }

  async #check(
    options: FailoverCheckOptions,
    sign: Sign | null = null,
    { sentinel, kept }: Partial<Pick<Beside, 'sentinel' | 'kept'>> = {},
  ): Promise<CheckReport | Report> {
    const check = async (reach: Reach): Promise<CheckReport | Report> =>
      (await import('./failover-check.js')).failoverCheck(reach, this.#lockWaitBeside(), options, { sentinel, sign });
    return this.#run(check, kept);
  }

  /** `auto_rejoin`, when the check is over and its lock released. */
  async #rejoinAfter(options: FailoverCheckOptions, report: CheckReport | Report): Promise<readonly RejoinedView[]> {
    if (!this.#loaded.config.failover.auto_rejoin || options.dry_run === true) return [];
    const { mayFollow, rejoinFormerMasters } = await import('./auto-rejoin.js');
    return mayFollow(report) ? rejoinFormerMasters(await this.#reach(), this.#lockWaitBeside()) : [];
  }

  async #calm(report: CheckReport | Report): Promise<Calm> {
    const state = 'master_up' in report ? await this.#saved() : null;
    return (await import('./failover-check.js')).calmAfter(report, state?.ok === true ? state.value : null);
  }

  /** Checks go on beside a rejoin of ours, which holds the lock for a moment to begin and to end. */
  #lockWaitBeside(): number {
    return this.#loaded.config.failover.auto_rejoin ? Math.max(this.#lockWait(), LOCK_BESIDE_MS) : this.#lockWait();
  }

  async #reach(kept?: SessionSource): Promise<Reach> {
    const { createReach, newRunId } = await import('./open.js');
    const run = newRunId();
    return createReach({
      loaded: this.#loaded,
      run,
      kept,
      log: this.#log(run),
      evidence: await this.#evidence(run),
      alerts: await this.#alertDesk(),
      redact: this.#redactor(),
      signal: this.#signal(),
      env: this.#options.env ?? process.env,
    });
  }

  async #run<T extends Report>(
    command: (reach: Reach) => Promise<T | Report>,
    kept?: SessionSource,
  ): Promise<T | Report> {
    const reach = await this.#reach(kept);
    try {
      return await command(reach);
    } catch (error) {
      if (error instanceof HandyRepError) return failed(error.failure);
      throw error;
    }
  }

  #log(run: string): Log {
    const { log_file, log_verbose, log_max_size, log_keep } = this.#loaded.config.handyrep;
    return openLog({
      path: log_file,
      run,
      verbose: log_verbose,
      max_size: log_max_size,
      keep: log_keep,
      redact: this.#redactor(),
      onWarning: (message) => this.#options.warn?.(message),
      clock: () => Date.now(),
    });
  }

  async #evidence(run: string): Promise<EvidenceJournal> {
    const { evidencePaths, openEvidence } = await import('../report/evidence.js');
    const { handyrep, failover } = this.#loaded.config;
    return openEvidence({
      paths: evidencePaths(handyrep.log_file),
      run,
      selection_method: failover.selection_method,
      redact: this.#redactor(),
      onWarning: (message) => this.#options.warn?.(message),
    });
  }

  /** One for all runs of this object: what is sent beside the rounds of a repeated check is sent once. */
  async #alertDesk(): Promise<AlertDesk> {
    if (this.#alerts !== null) return this.#alerts;
    const [{ createAlertDesk }, { alertPath }] = await Promise.all([
      import('./alerts.js'),
      import('../state/alert-file.js'),
    ]);
    const { server_file, push_alert_method, alert_repeat, alert_repeat_max } = this.#loaded.config.handyrep;
    return (this.#alerts ??= createAlertDesk({
      path: alertPath(server_file),
      methods: [...new Set(push_alert_method)],
      policy: { repeat: alert_repeat, longest: alert_repeat_max },
      redact: this.#redactor(),
    }));
  }

  #redactor(): (text: string) => string {
    return redactor(secretsOf(this.#loaded));
  }

  #lockWait(): number {
    return this.#options.lock_wait ?? 0;
  }

  #signal(): AbortSignal {
    return this.#options.signal ?? new AbortController().signal;
  }
}

async function load(file: string | null, env: NonNullable<OpenOptions['env']>): Promise<LoadedConfig> {
  const found = locateConfig({ explicit: file, env, cwd: process.cwd() });
  if (!found.ok) throw new HandyRepError(found.error);
  const loaded = await openConfig({ file: found.value, env, memory: openConfigMemory(env) });
  if (!loaded.ok) throw new HandyRepError(configFailure(loaded.problems));
  return loaded.value;
}
