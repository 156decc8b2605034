import { type LoadedConfig, secretsOf } from '../config/loaded.js';
import type { SavedState } from '../core/model.js';
import { HandyRepError, type Outcome, ok } from '../core/outcome.js';
import type { SessionSource } from '../io/sql-session.js';
import type { EvidenceJournal } from '../report/evidence.js';
import { type Log, openLog } from '../report/log.js';
import { redactor } from '../report/redact.js';
import { type Report, failed } from '../report/report.js';
import { loadStateFile } from '../state/file.js';
import type { AlertDesk } from './alerts.js';
import type { OpenOptions } from './open-options.js';
import type { Reach } from './open.js';

/** What the methods of one `HandyRep` work with: its configuration, how it was opened, and the ways from there to the servers. */
export class Calls {
  readonly loaded: LoadedConfig;
  readonly #options: OpenOptions;
  #alerts: AlertDesk | null = null;

  constructor(loaded: LoadedConfig, options: OpenOptions) {
    this.loaded = loaded;
    this.#options = options;
  }

  get env(): NonNullable<OpenOptions['env']> {
    return this.#options.env ?? process.env;
  }

  /** Milliseconds. */
  get lock_wait(): number {
    return this.#options.lock_wait ?? 0;
  }

  get signal(): AbortSignal {
    return this.#options.signal ?? new AbortController().signal;
  }

  /** The saved state as it is; null when nothing was saved yet. */
  async saved(): Promise<Outcome<SavedState | null>> {
    const { cluster_name, server_file } = this.loaded.config.handyrep;
    const state = await loadStateFile(server_file, { cluster_name, repair: false, now: Date.now() });
    if (!state.ok) return state;
    for (const warning of state.value.warnings) this.#options.warn?.(warning);
    return ok(state.value.state);
  }

  /** The ways to the servers, for one run with an id of its own; `kept`: sessions that are open already. */
  async reach(kept?: SessionSource): Promise<Reach> {
    const { createReach, newRunId } = await import('./create-reach.js');
    const run = newRunId();
    return createReach({
      loaded: this.loaded,
      run,
      kept,
      log: this.#log(run),
      evidence: await this.#evidence(run),
      alerts: await this.#alertDesk(),
      redact: this.#redactor(),
      signal: this.signal,
      env: this.env,
    });
  }

  /** Does what a method is for; an expected failure on the way becomes its report. */
  async run<T extends Report>(
    command: (reach: Reach) => Promise<T | Report>,
    kept?: SessionSource,
  ): Promise<T | Report> {
    const reach = await this.reach(kept);
    try {
      return await command(reach);
    } catch (error) {
      if (error instanceof HandyRepError) return failed(error.failure);
      throw error;
    }
  }

  #log(run: string): Log {
    const { log_file, log_verbose, log_max_size, log_keep } = this.loaded.config.handyrep;
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
    const { handyrep, failover } = this.loaded.config;
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
    const { server_file, push_alert_method, alert_repeat, alert_repeat_max } = this.loaded.config.handyrep;
    return (this.#alerts ??= createAlertDesk({
      path: alertPath(server_file),
      methods: [...new Set(push_alert_method)],
      policy: { repeat: alert_repeat, longest: alert_repeat_max },
      redact: this.#redactor(),
    }));
  }

  /** See `HandyRep.settled`. */
  async settled(): Promise<void> {
    await this.#alerts?.settled();
  }

  #redactor(): (text: string) => string {
    return redactor(secretsOf(this.loaded));
  }
}
