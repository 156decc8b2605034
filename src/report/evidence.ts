import { EVIDENCE_MS } from '../core/limits.js';
import { constants, closeSync, openSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import type { Decision } from '../core/decision.js';
import { type EvidenceEntry, type EvidenceHead, evidenceEntry } from '../core/evidence.js';
import type { Moment } from '../core/moment.js';
import type { Situation } from '../core/situation.js';
import { isAct, sameAnswer, verdictOf } from '../core/verdict.js';
import { NEWLINE, backwards, readerOf } from './backwards.js';
import { formatLine, parseEvidence } from './evidence-line.js';
import { isFull, rotate } from './rotate.js';

const MODE = 0o640;
const { O_APPEND, O_CREAT, O_NONBLOCK, O_RDWR } = constants;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** A repeat of the newest entry is kept among the repeats for this long; then the journal gets one of them. */
const REPEAT_FOR = HOUR;

/** How much is kept of each file: bytes in one, how many old ones, and the age at which one is begun anew. */
export const EVIDENCE_BOUNDS = {
  journal: { max_size: 16 * 1024 * 1024, keep: 3, max_age: 30 * DAY },
  repeats: { max_size: 16 * 1024 * 1024, keep: 3, max_age: 7 * DAY },
} as const satisfies Record<keyof EvidencePaths, Bounds>;

interface Bounds {
  readonly max_size: number;
  readonly keep: number;
  readonly max_age: number;
}

export interface EvidencePaths {
  /** Every decision that is another one than the one before, every act, and one an hour of what goes on unchanged. */
  readonly journal: string;
  /** The other decisions: the same answer again and again. */
  readonly repeats: string;
}

/** The two files, beside the log and named after it; null for a log that is a device (`/dev/null`). */
export function evidencePaths(log_file: string): EvidencePaths | null {
  const folder = dirname(log_file);
  if (folder === '/dev') return null;
  const stem = join(folder, basename(log_file, extname(log_file)));
  return { journal: `${stem}.evidence.jsonl`, repeats: `${stem}.evidence.repeats.jsonl` };
}

export interface EvidenceOptions {
  /** Null: nothing is kept. */
  readonly paths: EvidencePaths | null;
  readonly run: string;
  readonly selection_method: string;
  readonly redact: (text: string) => string;
  /** Called once, when the journal cannot be written. */
  readonly onWarning: (message: string) => void;
  readonly bounds?: Readonly<Record<keyof EvidencePaths, Bounds>>;
  /** How a line gets to the end of a file; default: one write. */
  readonly append?: (path: string, line: string) => Promise<void>;
  /** How long the end of a run waits for its writes, milliseconds; default {@link EVIDENCE_MS}. */
  readonly patience?: number;
}

/** Journals of this process to which a write is under way that was not waited for. */
const hanging = new Set<string>();

/** The decisions of one run, with what they were made from. */
export interface EvidenceJournal {
  /**
   * Begins to write a decision, and returns at once: nothing waits for it, least of all a failover. Decisions of a run
   * are written in their order.
   */
  record(command: string, situation: Situation, decision: Decision, moments?: readonly Moment[]): void;
  /** Resolves when everything is written, or was given up with a warning: soon, whatever the disk does. Never rejects. */
  settled(): Promise<void>;
}

export function openEvidence(options: EvidenceOptions): EvidenceJournal {
  let seq = 0;
  let warned = false;
  let written: Promise<void> = Promise.resolve();
  const { paths, run, selection_method, patience = EVIDENCE_MS } = options;
  const warn = (error: unknown): void => {
    if (warned) return;
    warned = true;
    const reason = error instanceof Error ? error.message : String(error);
    options.onWarning(`the evidence journal cannot be written, \`handyrep explain\` will miss decisions: ${reason}`);
  };
  return {
    record: (command, situation, decision, moments = []) => {
      if (paths === null) return;
      seq += 1;
      if (hanging.has(paths.journal)) {
        warn(new Error(`an earlier write to ${paths.journal} has not ended`));
        return;
      }
      const head: EvidenceHead = { run, seq, command, selection_method, moments };
      const entry = evidenceEntry(head, situation, verdictOf(decision));
      written = written.then(() => write(entry, paths, options)).catch(warn);
    },
    settled: async () => {
      if (paths === null || (await endsWithin(written, patience))) return;
      hanging.add(paths.journal);
      void written.then(() => hanging.delete(paths.journal));
      warn(new Error(`writing to ${paths.journal} takes longer than ${patience.toString()} ms`));
    },
  };
}

function endsWithin(work: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  return Promise.race([work.then(() => true), late]).finally(() => clearTimeout(timer));
}

async function write(entry: EvidenceEntry, paths: EvidencePaths, options: EvidenceOptions): Promise<void> {
  const { redact, bounds = EVIDENCE_BOUNDS, append = appendLine } = options;
  // An act is not compared with anything: it is on disk as soon as can be.
  const before = isAct(entry.verdict) ? null : await newestEntry(paths.journal);
  // Clusters may share a log.
  const repeats = before?.cluster === entry.cluster && sameAnswer(before.verdict, entry.verdict);
  const recent = repeats && Math.abs(Date.parse(entry.ts) - Date.parse(before.ts)) < REPEAT_FOR;
  const kind = recent ? 'repeats' : 'journal';
  const line = formatLine(entry, { redact, packed: repeats });
  makeRoom(paths[kind], bounds[kind], Date.parse(entry.ts));
  await append(paths[kind], line);
}

/** One write a line, so that two runs cannot tear each other's. What a full disk cut short gets its end of line first. */
async function appendLine(path: string, line: string): Promise<void> {
  // A fifo in its place without a reader must not hold the run up.
  const file = await open(path, O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK, MODE);
  try {
    const torn = !(await endsWithLine(file));
    const bytes = Buffer.from(`${torn ? '\n' : ''}${line}\n`);
    const { bytesWritten } = await file.write(bytes);
    if (bytesWritten < bytes.length) throw new Error(`${path}: the disk is full`);
  } finally {
    await file.close();
  }
}

async function endsWithLine(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat();
  return size === 0 || (await readerOf(file)(size - 1, 1))[0] === NEWLINE;
}

/** The last entry of the journal; null when there is none that can be read, and the next one is written whole. */
async function newestEntry(path: string): Promise<EvidenceEntry | null> {
  const file = await open(path, constants.O_RDONLY | O_NONBLOCK).catch(() => null);
  if (file === null) return null;
  try {
    for await (const line of backwards(readerOf(file), (await file.stat()).size)) {
      if (line === '') continue;
      const read = parseEvidence(line);
      return read.ok ? read.value : null;
    }
    return null;
  } finally {
    await file.close();
  }
}

function makeRoom(path: string, { max_size, keep, max_age }: Bounds, now: number): void {
  const isDue = (): boolean => isFull(path, max_size) || isOld(path, now - max_age);
  try {
    if (isDue()) rotate({ path, keep, isDue });
  } catch {
    // There is no file yet, or it cannot be looked at: writing to it says why.
  }
}

/** How much of a line's beginning holds its time, bytes. */
const HEAD = 64;

/** Whether the first line of a file is older than a time, milliseconds since the epoch. */
function isOld(path: string, limit: number): boolean {
  const file = openSync(path, constants.O_RDONLY | O_NONBLOCK);
  try {
    const head = Buffer.alloc(HEAD);
    const length = readSync(file, head, 0, HEAD, 0);
    const [, ts] = /^\{"ts":"([^"]+)"/.exec(head.toString('utf8', 0, length)) ?? [];
    return ts !== undefined && Date.parse(ts) < limit;
  } finally {
    closeSync(file);
  }
}
