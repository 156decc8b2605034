import { lostWrites, type Ack } from '../../src/demo/writer.js';

/** What became of the rows that applications wrote. */
export interface Reckoning {
  readonly acknowledged: number;
  /** Acknowledged, and not on the server that is the master in the end. */
  readonly lost: readonly Ack[];
  /** Numbers that are there more than once. */
  readonly duplicated: readonly number[];
  /** There, and never acknowledged: commits whose answer was under way when the server died. Allowed. */
  readonly unacknowledged: readonly number[];
}

/** Compares what was acknowledged with the rows that a server holds. */
export function reckon(acks: readonly Ack[], ids: readonly number[]): Reckoning {
  const missing = new Set(
    lostWrites(
      acks,
      ids.map((id) => ({ id: id.toString() })),
    ),
  );
  const known = new Set(acks.map((ack) => ack.id));
  const seen = new Set<number>();
  const duplicated = new Set<number>();
  for (const id of ids) {
    if (seen.has(id)) duplicated.add(id);
    seen.add(id);
  }
  return {
    acknowledged: acks.length,
    lost: acks.filter((ack) => missing.has(ack.id)),
    duplicated: [...duplicated],
    unacknowledged: [...seen].filter((id) => !known.has(id)),
  };
}

/** The longest time without an acknowledged write, in milliseconds, between two acknowledgements. */
export function outage(acks: readonly Ack[]): number {
  const times = acks.map((ack) => ack.at).sort((a, b) => a - b);
  return times.reduce((longest, at, index) => Math.max(longest, at - (times[index - 1] ?? at)), 0);
}

/**
 * How long two servers acknowledged writes at the same time, in milliseconds: from the first acknowledgement of a server
 * to the last of one that reigned before it. `reigns`: the addresses of the masters in their order, each once.
 */
export function twoMasters(acks: readonly Ack[], reigns: readonly string[]): number {
  const spans = reigns.map((host) => {
    const times = acks.filter((ack) => ack.host === host).map((ack) => ack.at);
    return { first: Math.min(...times), last: Math.max(...times) };
  });
  let longest = 0;
  for (const [index, { last }] of spans.entries()) {
    for (const { first } of spans.slice(index + 1)) longest = Math.max(longest, last - first);
  }
  return longest;
}

/** What a decision said would be lost. */
export type StatedLoss =
  | { readonly kind: 'none' }
  /** `unfenced`: besides, what the old master takes until it is fenced. */
  | { readonly kind: 'bounded'; readonly bytes: number; readonly unfenced: boolean }
  | { readonly kind: 'unknown' };

/** Reads the sentence that HandyRep reports. Throws for one that it does not know. */
export function readStatedLoss(text: string): StatedLoss {
  if (text.startsWith('none (')) return { kind: 'none' };
  if (text.startsWith('unknown (')) return { kind: 'unknown' };
  const bytes = /^(\d+) bytes of WAL known to be missing/.exec(text)?.[1];
  if (bytes === undefined) throw new Error(`no statement of a loss: ${text}`);
  return { kind: 'bounded', bytes: Number(bytes), unfenced: text.includes('until it is fenced') };
}

/** How long a check may need to find the master silent, in milliseconds. */
const LOOK_MS = 5000;

/** The least WAL that a committed row of the applications takes. */
const ROW_BYTES = 64;

/**
 * Losses that a statement does not cover. `calm`: when the last look began that found the master well: what was written
 * before it may be lost only as far as the statement names bytes. `trouble`: when the check began that failed over: what
 * was written after it may be lost only where the old master was not fenced.
 */
export function beyondStatement(
  lost: readonly Ack[],
  stated: StatedLoss,
  { calm, trouble }: { readonly calm: number; readonly trouble: number },
): readonly Ack[] {
  switch (stated.kind) {
    case 'unknown':
      return [];
    case 'none':
      return lost;
    case 'bounded':
      return [
        ...lost.filter((ack) => ack.at < calm).slice(Math.floor(stated.bytes / ROW_BYTES)),
        ...lost.filter((ack) => ack.at > trouble + LOOK_MS && !stated.unfenced),
      ];
  }
}
