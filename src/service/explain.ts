import type { LoadedConfig } from '../config/loaded.js';
import { type EvidenceEntry, entryName } from '../core/evidence.js';
import type { Course } from '../core/timetable.js';
import { loadStateFile } from '../state/file.js';
import { type Explanation, explain } from '../core/explanation.js';
import { type Outcome, fail } from '../core/outcome.js';
import { createRegistry } from '../plugin/registry.js';
import { type EvidencePaths, evidencePaths } from '../report/evidence.js';
import { type Wanted, findEvidence, parseRun } from '../report/evidence-reader.js';
import { type Report, failed, success } from '../report/report.js';

export interface ExplainOptions {
  /** A run's id or its beginning, and maybe the number of the decision ("3f2a", "3f2a91bc.2"); absent: the newest decision. */
  readonly run?: string;
  /** The last decision to fail over. */
  readonly last_failover?: boolean;
}

/** Answer of `explain`. */
export type ExplainReport = Report & {
  readonly explanation: Explanation;
  /** All decisions of the run, by name. */
  readonly decisions: readonly string[];
  /** Lines of the journal that could not be read. */
  readonly skipped: readonly string[];
};

/** Explains a decision of the evidence journal; reads files only. */
export async function explainDecision(loaded: LoadedConfig, options: ExplainOptions): Promise<ExplainReport | Report> {
  const journal = journalOf(loaded);
  if (!journal.ok) return failed(journal.error);
  const wanted = wantedBy(options);
  if (!wanted.ok) return failed(wanted.error);
  const found = await findEvidence(journal.value, wanted.value);
  if (!found.ok) return failed(found.error);
  const { entry, entries, skipped } = found.value;
  const { plugins_dir } = loaded.config.handyrep;
  const registry = createRegistry({ plugins_dir, settings: loaded.plugin_settings });
  const select = await registry.get('selection_method', entry.selection_method);
  if (!select.ok) return failed(select.error);
  const explanation = explain(entry, select.value, await operationOf(loaded, entry));
  return success(entry.verdict.details, { explanation, decisions: entries.map(entryName), skipped });
}

/** The operation that a decision began, where it is on record: its steps belong to the timetable. Trouble with the state is its own. */
async function operationOf({ config }: LoadedConfig, { run, verdict }: EvidenceEntry): Promise<Course> {
  if (verdict.action !== 'fail_over') return {};
  const { server_file, cluster_name } = config.handyrep;
  const loaded = await loadStateFile(server_file, { cluster_name, repair: false, now: Date.now() });
  const state = loaded.ok ? loaded.value.state : null;
  if (state?.operation?.run === run) return state.operation;
  return state?.history.find(({ id, kind }) => kind === 'failover' && id.endsWith(`-${run}`)) ?? {};
}

interface Journal {
  readonly paths: EvidencePaths;
  readonly cluster: string;
}

/** Where the decisions of this configuration are kept. */
export function journalOf({ config }: LoadedConfig): Outcome<Journal> {
  const paths = evidencePaths(config.handyrep.log_file);
  if (paths !== null) return { ok: true, value: { paths, cluster: config.handyrep.cluster_name } };
  return fail('evidence_unreadable', `there is no evidence journal: log_file is ${config.handyrep.log_file}`, {
    hint: 'let log_file name a file: the journal is kept beside it',
  });
}

function wantedBy({ run, last_failover = false }: ExplainOptions): Outcome<Wanted> {
  if (last_failover) return { ok: true, value: { kind: 'last_failover' } };
  if (run === undefined) return { ok: true, value: { kind: 'newest' } };
  const parsed = parseRun(run);
  if (parsed !== null) return { ok: true, value: parsed };
  return fail('usage', `${JSON.stringify(run)} is no id of a run`, {
    hint: 'it is up to eight hexadecimal digits, as `run` in the log, and maybe a number: 3f2a91bc.2',
  });
}
