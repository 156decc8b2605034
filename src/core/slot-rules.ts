import { roughSize } from './duration.js';
import { SLOT_PREFIX, slotName } from './slot.js';

/** A replication slot as its server has it ("pg_replication_slots"). */
export interface SlotFacts {
  readonly name: string;
  readonly kind: 'physical' | 'logical';
  readonly active: boolean;
  /** `reserved`, `extended`, `unreserved` or `lost`; null: it reserves nothing yet. */
  readonly wal_status: string | null;
  /** WAL that is kept because of it, bytes; null: none. */
  readonly retained: number | null;
}

/** One slot in a report. */
export interface SlotView extends SlotFacts {
  /** Where it is. */
  readonly server: string;
  readonly owner: 'ours' | 'foreign';
  /** The server that it is for; null: nobody's that is known, or not ours. */
  readonly replica: string | null;
}

/** Everything that is known of the slots of one server. */
export interface SlotInput {
  readonly server: string;
  readonly slots: readonly SlotFacts[];
  /** Bytes free where its data directory is; null where that is not known. */
  readonly free_bytes: number | null;
  /** `max_slot_wal_keep_size`, MB; -1: without a limit; null: not known. */
  readonly keep_size: number | null;
  /** All other servers that are known. */
  readonly known: readonly string[];
  /** Those that should have a slot of ours here. */
  readonly expected: readonly string[];
}

/** An inactive slot may keep this part of the free disk, or this much, and no more. */
const RETAINED_PART = 10;
const RETAINED_LIMIT = 1024 ** 3;

export function viewSlot({ server, known }: SlotInput, facts: SlotFacts): SlotView {
  const owner = facts.name.startsWith(SLOT_PREFIX) ? 'ours' : 'foreign';
  const replica = owner === 'ours' ? (known.find((name) => slotName(name) === facts.name) ?? null) : null;
  return { server, ...facts, owner, replica };
}

/** What is wrong with a server's slots, in words. Slots that are not ours are judged too, and never touched. */
export function judgeSlots(input: SlotInput): readonly string[] {
  const own = input.slots.flatMap((slot) => slotProblems(input, viewSlot(input, slot)));
  return [...own, ...unlimited(input), ...missing(input)];
}

function slotProblems({ free_bytes }: SlotInput, slot: SlotView): readonly string[] {
  const problems: string[] = [];
  if (slot.owner === 'ours' && slot.replica === null) {
    problems.push(`slot ${slot.name} serves no known server: drop it with pg_drop_replication_slot`);
  }
  const status = statusProblem(slot);
  if (status !== null) return [...problems, status];
  const retained = slot.retained ?? 0;
  const limit = Math.min(RETAINED_LIMIT, free_bytes === null ? RETAINED_LIMIT : free_bytes / RETAINED_PART);
  if (slot.active || retained <= limit) return problems;
  const free = free_bytes === null ? '' : `, ${roughSize(free_bytes)} are free`;
  return [...problems, `slot ${slot.name} is inactive and keeps ${roughSize(retained)} of WAL${free}`];
}

/** An active slot beyond max_wal_size is a replica that lags, which is told elsewhere. */
function statusProblem({ name, active, wal_status }: SlotView): string | null {
  switch (wal_status ?? 'reserved') {
    case 'lost':
      return `slot ${name} has lost its WAL: its replica must be cloned anew`;
    case 'unreserved':
      return `slot ${name} is about to lose its WAL (max_slot_wal_keep_size): its replica must catch up at once`;
    case 'extended':
      return active ? null : `slot ${name} is inactive and keeps more WAL than max_wal_size`;
    default:
      return null;
  }
}

function unlimited({ slots, keep_size }: SlotInput): readonly string[] {
  if (keep_size !== -1) return [];
  const idle = slots.filter((slot) => !slot.active && slot.wal_status !== 'lost').map((slot) => slot.name);
  if (idle.length === 0) return [];
  const which = idle.length === 1 ? `the inactive slot ${idle[0] ?? ''}` : `the inactive slots ${idle.join(', ')}`;
  return [`max_slot_wal_keep_size is -1: ${which} can fill the disk`];
}

function missing({ server, slots, expected }: SlotInput): readonly string[] {
  return expected
    .filter((name) => !slots.some((slot) => slot.name === slotName(name)))
    .map(
      (name) =>
        `it has no slot ${slotName(name)} for ${name}, which has use_slots: run \`handyrep remaster ${name} --to ${server}\``,
    );
}
