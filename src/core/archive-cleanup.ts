import { segmentSuffix } from './divergence.js';
import { type Lsn, formatLsn } from './lsn.js';
import { type Outcome, fail, ok } from './outcome.js';

/** What one server still needs of WAL. */
export interface WalNeed {
  readonly server: string;
  /** Where its recovery would begin: of its last checkpoint or restart point; null: it could not be asked. */
  readonly redo: Lsn | null;
  /** Of all replication slots on it, the oldest position; null: there are none. */
  readonly slots: Lsn | null;
  /** Why it could not be asked. */
  readonly trouble: string | null;
}

/**
 * From which segment on everything must stay: the oldest that any enabled server would begin its recovery at, or that a slot is kept
 * for. Where one of them cannot be asked nothing may be deleted, since it may come back and ask for it.
 */
export function judgeNeeded(
  needs: readonly WalNeed[],
  segment_bytes: number,
): Outcome<{ readonly needed_from: string; readonly why: string }> {
  const silent = needs.find(({ redo }) => redo === null);
  if (silent !== undefined) {
    const message = `nothing is deleted: what ${silent.server} still needs cannot be told: ${silent.trouble ?? 'no answer'}`;
    const hint = `bring ${silent.server} back; or, where it is lost, \`handyrep server disable ${silent.server}\``;
    return fail('unsafe', message, { server: silent.server, hint });
  }
  const positions = needs.flatMap(({ server, redo, slots }) => [
    ...(redo === null ? [] : [{ lsn: redo, why: `${server} would begin its recovery at ${formatLsn(redo)}` }]),
    ...(slots === null ? [] : [{ lsn: slots, why: `a replication slot on ${server} is at ${formatLsn(slots)}` }]),
  ]);
  const [first, ...rest] = positions;
  if (first === undefined || segment_bytes <= 0) {
    return fail('unsafe', 'nothing is deleted: no server could be asked', { hint: 'run `handyrep verify`' });
  }
  const oldest = rest.reduce((least, one) => (one.lsn < least.lsn ? one : least), first);
  return ok({ needed_from: segmentSuffix(oldest.lsn, segment_bytes), why: oldest.why });
}
