import { decide } from './decide.js';
import { type EvidenceEntry, entryName } from './evidence.js';
import type { FailoverPolicy } from './model.js';
import type { Select } from './rank.js';
import { type Difference, type Verdict, differences, verdictOf } from './verdict.js';

/** A recorded decision, made again. */
export interface Replayed {
  readonly name: string;
  readonly ts: string;
  readonly command: string;
  readonly same: boolean;
  /** In what the two differ; empty where they are the same. */
  readonly differences: readonly Difference[];
  readonly was: Verdict;
  readonly now: Verdict;
}

/** Decides again from what was recorded, with another policy where one is given. */
export function replayEntry(entry: EvidenceEntry, select: Select, policy: FailoverPolicy | null): Replayed {
  const { situation } = entry;
  const now = verdictOf(decide(policy === null ? situation : { ...situation, policy }, select));
  const found = differences(entry.verdict, now);
  const { ts, command, verdict: was } = entry;
  return { name: entryName(entry), ts, command, same: found.length === 0, differences: found, was, now };
}
