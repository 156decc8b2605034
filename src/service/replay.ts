import type { LoadedConfig } from '../config/loaded.js';
import type { EvidenceEntry } from '../core/evidence.js';
import { type Failure, HandyRepError, type Outcome, describeFailure, ok } from '../core/outcome.js';
import type { Select } from '../core/rank.js';
import { type Replayed, replayEntry } from '../core/replay.js';
import { byPriority, furthestAhead } from '../core/select.js';
import { policyOnly } from '../core/situation-shape.js';
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
  const decide = replayer(request);
  const decisions: Replayed[] = [];
  const unreadable: string[] = [];
  try {
    for await (const { number, read } of readEvidenceFile(file)) {
      const replayed = read.ok ? await decide(read.value) : read;
      if (replayed.ok) decisions.push(replayed.value);
      else if (read.ok) return failed(replayed.error);
      else unreadable.push(`${file}:${number.toString()}: ${describeFailure(replayed.error)}`);
    }
  } catch (error) {
    if (error instanceof HandyRepError) return failed(error.failure);
    throw error;
  }
  return decisions.length > 0 ? reportOf(decisions, unreadable, request) : failed(nothingIn(file, unreadable));
}

function nothingIn(file: string, [first, ...rest]: readonly string[]): Failure {
  const more = rest.length > 0 ? `, and ${rest.length.toString()} more line(s) that cannot be read` : '';
  return {
    code: 'evidence_unreadable',
    message: first === undefined ? `${file} is empty` : `${first}${more}`,
    hint: 'give it a line of an evidence journal, or a whole one',
  };
}

/** Decides again what a run decided. */
export async function replayRun(
  run: string,
  request: ReplayRequest & { readonly loaded: LoadedConfig },
): Promise<ReplayReport | Report> {
  const journal = journalOf(request.loaded);
  if (!journal.ok) return failed(journal.error);
  const wanted = parseRun(run);
  if (wanted === null) {
    const hint =
      'a RUN-ID is up to eight hexadecimal digits, as `run` in the log; a FILE is a journal or a line of one';
    return failed({ code: 'usage', message: `${JSON.stringify(run)} is no file, and no id of a run`, hint });
  }
  const found = await findEvidence(journal.value, wanted);
  if (!found.ok) return failed(found.error);
  const { entry, entries, skipped } = found.value;
  const decide = replayer(request);
  const decisions: Replayed[] = [];
  for (const one of wanted.seq === null ? entries : [entry]) {
    const replayed = await decide(one);
    if (!replayed.ok) return failed(replayed.error);
    decisions.push(replayed.value);
  }
  return reportOf(decisions, skipped, request);
}

/** Decides again, by the recorded selection method or the other policy's; each of them is loaded once. */
function replayer(request: ReplayRequest): (entry: EvidenceEntry) => Promise<Outcome<Replayed>> {
  const selects = new Map<string, Select>();
  const policy = request.other === null ? null : policyOnly(request.other.config.failover);
  return async (entry) => {
    const method = request.other?.config.failover.selection_method ?? entry.selection_method;
    const known = selects.get(method);
    const select = known === undefined ? await selectOf(method, request) : ok(known);
    if (!select.ok) return select;
    selects.set(method, select.value);
    return ok(replayEntry(entry, select.value, policy));
  };
}

function reportOf(
  decisions: readonly Replayed[],
  unreadable: readonly string[],
  { other }: ReplayRequest,
): ReplayReport {
  const different = decisions.filter((one) => !one.same).length;
  const count = decisions.length.toString();
  const by = other === null ? "today's code" : 'the other policy';
  const details =
    different === 0
      ? `${count} decision(s), all the same with ${by}`
      : `${different.toString()} of ${count} decision(s) would be another one with ${by}`;
  return checked(different === 0, details, null, { decisions, unreadable });
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
