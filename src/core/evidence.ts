import type { SavedState } from './model.js';
import type { Moment } from './moment.js';
import { type Outcome, fail, ok } from './outcome.js';
import { checkMoments } from './saved-shape.js';
import {
  ifThere,
  isObject,
  listOf,
  moment,
  objectOf,
  oneOf,
  count,
  flag,
  number,
  orNull,
  recordOf,
  text,
} from './shape.js';
import type { Fields } from './shape.js';
import type { Situation } from './situation.js';
import { checkSituation, completeSituation, policyOnly } from './situation-shape.js';
import type { Verdict } from './verdict.js';

/** The format that this HandyRep writes, and the newest that it reads. */
const EVIDENCE_FORMAT = 1;

/** One decision with everything that it was made from: a line of the evidence journal. */
export interface EvidenceEntry {
  /** ISO 8601, UTC. */
  readonly ts: string;
  readonly format: typeof EVIDENCE_FORMAT;
  /** The run that decided, as in the log. */
  readonly run: string;
  /** A run may decide several times: 1 is its first decision. */
  readonly seq: number;
  /** The command that was run. */
  readonly command: string;
  readonly cluster: string;
  /** Name of the plugin that ordered the candidates. */
  readonly selection_method: string;
  readonly verdict: Verdict;
  readonly situation: Situation;
  /** What was asked, and how long it took; absent: an earlier HandyRep recorded it. */
  readonly moments?: readonly Moment[];
}

/** What is recorded of a decision beside the situation. */
export type EvidenceHead = Pick<EvidenceEntry, 'run' | 'seq' | 'command' | 'selection_method' | 'moments'>;

/** An entry as it is kept: past operations decide nothing and are left out. */
export function evidenceEntry(head: EvidenceHead, situation: Situation, verdict: Verdict): EvidenceEntry {
  const { run, seq, command, selection_method, moments = [] } = head;
  const state: SavedState = { ...situation.state, history: [] };
  return {
    ts: new Date(situation.now).toISOString(),
    format: EVIDENCE_FORMAT,
    run,
    seq,
    command,
    cluster: situation.state.cluster_name,
    selection_method,
    verdict,
    situation: { ...situation, policy: policyOnly(situation.policy), state },
    moments,
  };
}

const verdict: Fields<Verdict> = {
  rule: count,
  diagnosis: text,
  action: text,
  to: listOf(text),
  fence: orNull(text),
  details: text,
  vetoes: listOf(text),
  unfit: recordOf(listOf(text)),
  loss: orNull(text),
  cluster_status: text,
  success: flag,
  alarm: flag,
  plan: listOf(text),
};

const entry: Fields<EvidenceEntry> = {
  ts: moment,
  format: oneOf(EVIDENCE_FORMAT),
  run: text,
  seq: number,
  command: text,
  cluster: text,
  selection_method: text,
  verdict: objectOf(verdict),
  situation: checkSituation,
  moments: ifThere(checkMoments),
};

/** Takes a decoded line for an entry, or says what is wrong with it. */
export function readEntry(value: unknown): Outcome<EvidenceEntry> {
  if (!isObject(value)) return fail('evidence_unreadable', 'it is not an object');
  const format = value['format'];
  if (typeof format === 'number' && format > EVIDENCE_FORMAT) {
    const message = `it has format ${format.toString()}, and this HandyRep reads up to ${EVIDENCE_FORMAT.toString()}`;
    return fail('evidence_unreadable', message, { hint: 'a newer HandyRep wrote it: use that one' });
  }
  const whole = { ...value, situation: completeSituation(value['situation']) };
  const wrong = objectOf(entry)(whole, '');
  if (wrong !== null) return fail('evidence_unreadable', `it is damaged, or no line of an evidence journal: ${wrong}`);
  return ok(whole as unknown as EvidenceEntry);
}

/** A decision's name: its run, and its number in the run where that is not the first. */
export function entryName({ run, seq }: Pick<EvidenceEntry, 'run' | 'seq'>): string {
  return seq === 1 ? run : `${run}.${seq.toString()}`;
}
