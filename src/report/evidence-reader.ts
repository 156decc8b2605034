import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { type EvidenceEntry, entryName } from '../core/evidence.js';
import { HandyRepError, type Outcome, fail, ok } from '../core/outcome.js';
import { isAct } from '../core/verdict.js';
import { backwards, readerOf } from './backwards.js';
import { EVIDENCE_BOUNDS, type EvidencePaths } from './evidence.js';
import { parseEvidence } from './evidence-line.js';
import { rotatedPath } from './rotate.js';

/** Which decision is meant. */
export type Wanted =
  | { readonly kind: 'newest' }
  | { readonly kind: 'last_failover' }
  /** The beginning of a run's id, and the number of the decision in it where one is given. */
  | { readonly kind: 'run'; readonly prefix: string; readonly seq: number | null };

export interface Found {
  readonly entry: EvidenceEntry;
  /** All decisions of its run, oldest first. */
  readonly entries: readonly EvidenceEntry[];
  /** What could not be read, in words. */
  readonly skipped: readonly string[];
}

const RUN = /^([0-9a-f]{1,8})(?:\.(\d{1,6}))?$/;

/** A run's id or its beginning, and maybe the number of a decision ("3f2a", "3f2a91bc.2"); null when it is none. */
export function parseRun(text: string): Extract<Wanted, { kind: 'run' }> | null {
  const match = RUN.exec(text);
  if (match === null) return null;
  const [, prefix = '', seq] = match;
  return { kind: 'run', prefix, seq: seq === undefined ? null : Number(seq) };
}

/** Finds one decision in the journal; of a run that decided several times its last act, else its last decision. */
export async function findEvidence(
  { paths, cluster }: { readonly paths: EvidencePaths; readonly cluster: string },
  wanted: Wanted,
): Promise<Outcome<Found>> {
  const search = new Search(paths, cluster);
  const entry = await search.find(wanted);
  if (!entry.ok) return entry;
  if (wanted.kind !== 'run') await search.ofRun(entry.value.run);
  return ok({ entry: entry.value, entries: search.matched, skipped: search.skipped });
}

class Search {
  readonly skipped: string[] = [];
  /** Decisions of the run that was asked for, oldest first. */
  matched: readonly EvidenceEntry[] = [];

  constructor(
    readonly paths: EvidencePaths,
    /** Clusters may share a log; the other's decisions are none of ours. */
    readonly cluster: string,
  ) {}

  find(wanted: Wanted): Promise<Outcome<EvidenceEntry>> {
    switch (wanted.kind) {
      case 'newest':
        return this.newest();
      case 'last_failover':
        return this.lastFailover();
      case 'run':
        return this.byRun(wanted);
    }
  }

  async newest(): Promise<Outcome<EvidenceEntry>> {
    const [journal, repeat] = [
      await this.first(files(this.paths, 'journal')),
      await this.first(files(this.paths, 'repeats')),
    ];
    const entry = journal !== null && repeat !== null && repeat.ts > journal.ts ? repeat : (journal ?? repeat);
    return entry === null ? nothing(this.paths) : ok(entry);
  }

  async lastFailover(): Promise<Outcome<EvidenceEntry>> {
    const isFailover = (line: string): boolean => line.includes('"action":"fail_over"');
    const found = await this.first(
      files(this.paths, 'journal'),
      isFailover,
      (one) => one.verdict.action === 'fail_over',
    );
    if (found !== null) return ok(found);
    return fail('evidence_unreadable', `no failover is in the evidence journal ${this.paths.journal}`, {
      hint: '`handyrep history` names past failovers, also those that another host made',
    });
  }

  async byRun({ prefix, seq }: Extract<Wanted, { kind: 'run' }>): Promise<Outcome<EvidenceEntry>> {
    await this.ofRun(prefix);
    const runs = [...new Set(this.matched.map((one) => one.run))];
    if (runs.length > 1) {
      return fail(
        'evidence_unreadable',
        `${runs.length.toString()} runs begin with ${prefix}: ${runs.slice(0, 5).join(', ')}`,
        {
          hint: 'type more of it',
        },
      );
    }
    const chosen = seq === null ? this.decisive() : this.matched.find((one) => one.seq === seq);
    if (chosen !== undefined) return ok(chosen);
    const [other] = this.matched;
    const hint =
      other === undefined
        ? 'the log names the run of each of its lines; old decisions are dropped in time, repeats first'
        : `it has ${this.matched.map(entryName).join(', ')}`;
    return fail(
      'evidence_unreadable',
      `no decision ${prefix}${seq === null ? '' : `.${seq.toString()}`} is in the evidence journal ${this.paths.journal}`,
      { hint },
    );
  }

  /** Reads every decision of the runs that begin so. */
  async ofRun(prefix: string): Promise<void> {
    const found: EvidenceEntry[] = [];
    const mark = `"run":"${prefix}`;
    for (const kind of ['journal', 'repeats'] as const) {
      for await (const entry of this.entries(files(this.paths, kind), (line) => line.includes(mark))) {
        if (entry.run.startsWith(prefix)) found.push(entry);
      }
    }
    this.matched = found.sort((a, b) => (a.run === b.run ? a.seq - b.seq : a.ts < b.ts ? -1 : 1));
  }

  decisive(): EvidenceEntry | undefined {
    return this.matched.findLast((one) => isAct(one.verdict)) ?? this.matched.at(-1);
  }

  async first(
    paths: readonly string[],
    mayBe: (line: string) => boolean = () => true,
    is: (entry: EvidenceEntry) => boolean = () => true,
  ): Promise<EvidenceEntry | null> {
    for await (const entry of this.entries(paths, mayBe)) {
      if (is(entry)) return entry;
    }
    return null;
  }

  /** The entries of some files, newest first; only lines that `mayBe` lets pass are read. */
  async *entries(
    paths: readonly string[],
    mayBe: (line: string) => boolean,
  ): AsyncGenerator<EvidenceEntry, void, undefined> {
    for (const path of paths) {
      try {
        for await (const line of linesOf(path)) {
          if (line === '' || !mayBe(line)) continue;
          const parsed = parseEvidence(line);
          if (parsed.ok && parsed.value.cluster === this.cluster) yield parsed.value;
          else if (!parsed.ok) this.skipped.push(`a line of ${path} was skipped: ${parsed.error.message}`);
        }
      } catch (error) {
        if (!isAbsent(error)) this.skipped.push(`${path} cannot be read: ${reasonOf(error)}`);
      }
    }
  }
}

async function* linesOf(path: string): AsyncGenerator<string, void, undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    yield* backwards(readerOf(file), (await file.stat()).size);
  } finally {
    await file.close();
  }
}

function files(paths: EvidencePaths, kind: keyof EvidencePaths): readonly string[] {
  return Array.from({ length: EVIDENCE_BOUNDS[kind].keep + 1 }, (_, n) => rotatedPath(paths[kind], n));
}

function nothing({ journal }: EvidencePaths): Outcome<never> {
  return fail('evidence_unreadable', `there is no decision in the evidence journal ${journal}`, {
    hint: 'every check writes one; `handyrep poll` makes the first',
  });
}

/** A line of a journal, or what is wrong with it. */
export interface NumberedLine {
  readonly number: number;
  readonly read: Outcome<EvidenceEntry>;
}

/**
 * Every line of a file that is not empty, with its number, one at a time.
 *
 * @throws {HandyRepError} when the file cannot be read
 */
export async function* readEvidenceFile(path: string): AsyncGenerator<NumberedLine, void, undefined> {
  let number = 0;
  try {
    const file = await open(path);
    for await (const line of file.readLines()) {
      number += 1;
      const text = line.trim();
      if (text !== '') yield { number, read: parseEvidence(text) };
    }
  } catch (error) {
    const message = `${path} cannot be read: ${reasonOf(error)}`;
    throw new HandyRepError({ code: 'evidence_unreadable', message });
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
