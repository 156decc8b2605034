import type { LoadedConfig } from '../config/load.js';
import type { EvidenceEntry } from '../core/evidence.js';
import { type Failure, type Outcome, ok } from '../core/outcome.js';
import type { Select } from '../core/rank.js';
import { type Replayed, replayEntry } from '../core/replay.js';
import { byPriority, furthestAhead } from '../core/select.js';
import { policyOnly } from '../core/evidence.js';
import { createRegistry } from '../plugin/registry.js';
import { findEvidence, parseRun, readEvidenceFile } from '../report/evidence-reader.js';
import { type Report, checked, failed } from '../report/report.js';
import { journalOf } from './explain.js';

/** Answer of `replay`: exit code 0 where every decision is the same, 1 where one is not. */
export type ReplayReport = Report & {
  readonly decisions: readonly Replayed[];
  /** Lines of a file that could not be read, with their numbers. */
  readonly unreadable: readonly string[];
};

export interface ReplayRequest {
  /** Whose journal and plugins are meant; null: built-in plugins only. */
  readonly loaded: LoadedConfig | null;
  /** Whose policy decides; null: the recorded one. */
  readonly other: LoadedConfig | null;
}

/** Decides again every decision of a file: a journal, or a line of one. */
export async function replayFile(file: string, request: ReplayRequest): Promise<ReplayReport | Report> {
  const lines = await readEvidenceFile(file);
  if (!lines.ok) return failed(lines.error);
  const entries = lines.value.flatMap(({ read }) => (read.ok ? [read.value] : []));
  const unreadable = lines.value.flatMap(({ number, read }) =>
    read.ok ? [] : [`${file}:${number.toString()}: ${describe(read.error)}`],
  );
  if (entries.length === 0) {
    const [first = ''] = unreadable;
    const more = unreadable.length > 1 ? `, and ${(unreadable.length - 1).toString()} more line(s) like it` : '';
    return failed({
      code: 'evidence_unreadable',
      message: `${first}${more}`,
      hint: 'give it a line of an evidence journal, or a whole one',
    });
  }
  return replayEntries(entries, unreadable, request);
}

/** Decides again what a run decided. */
export async function replayRun(
  run: string,
  request: ReplayRequest & { readonly loaded: LoadedConfig },
): Promise<ReplayReport | Report> {
  const paths = journalOf(request.loaded);
  if (!paths.ok) return failed(paths.error);
  const wanted = parseRun(run);
  if (wanted === null) {
    const hint =
      'a RUN-ID is up to eight hexadecimal digits, as `run` in the log; a FILE is a journal or a line of one';
    return failed({ code: 'usage', message: `${JSON.stringify(run)} is no file, and no id of a run`, hint });
  }
  const found = await findEvidence(paths.value, wanted);
  if (!found.ok) return failed(found.error);
  const { entry, entries, skipped } = found.value;
  return replayEntries(wanted.seq === null ? entries : [entry], skipped, request);
}

async function replayEntries(
  entries: readonly EvidenceEntry[],
  unreadable: readonly string[],
  request: ReplayRequest,
): Promise<ReplayReport | Report> {
  const selects = new Map<string, Select>();
  const decisions: Replayed[] = [];
  const policy = request.other === null ? null : policyOnly(request.other.config.failover);
  for (const entry of entries) {
    const method = request.other?.config.failover.selection_method ?? entry.selection_method;
    const known = selects.get(method);
    const select = known === undefined ? await selectOf(method, request) : ok(known);
    if (!select.ok) return failed(select.error);
    selects.set(method, select.value);
    decisions.push(replayEntry(entry, select.value, policy));
  }
  const other = decisions.filter((one) => !one.same).length;
  const [count, policyOf] = [decisions.length, policy === null ? "today's code" : 'the other policy'];
  const details =
    other === 0
      ? `${count.toString()} decision(s), all the same with ${policyOf}`
      : `${other.toString()} of ${count.toString()} decision(s) would be another one with ${policyOf}`;
  return checked(other === 0, details, null, { decisions, unreadable });
}

const BUILT_IN: ReadonlyMap<string, Select> = new Map([
  ['select_replica_furthest_ahead', furthestAhead],
  ['select_replica_priority', byPriority],
]);

async function selectOf(method: string, { loaded, other }: ReplayRequest): Promise<Outcome<Select>> {
  const from = other ?? loaded;
  const builtIn = BUILT_IN.get(method);
  if (from !== null) {
    const { plugins_dir } = from.config.handyrep;
    return createRegistry({ plugins_dir, settings: from.plugin_settings }).get('selection_method', method);
  }
  if (builtIn !== undefined) return ok(builtIn);
  return {
    ok: false,
    error: {
      code: 'plugin_missing',
      message: `the decision was made with the selection method ${method}, which is no built-in one`,
      hint: 'name a configuration whose plugins_dir has it: handyrep -c FILE replay …',
    },
  };
}

function describe({ message, hint }: Failure): string {
  return hint === undefined ? message : `${message} (${hint})`;
}
