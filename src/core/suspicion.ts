import type { ClockRecord } from './model.js';
import type { ManagerObservation, WitnessLook } from './observation.js';
import { type Evidence, type Situation, evidence } from './situation.js';

/** Wall clock and time since boot may drift apart by this much between two rounds, milliseconds. */
const CLOCK_TOLERANCE_MS = 10_000;

/**
 * By how much they may part within one check, milliseconds: whether a replica has heard from the master since the trouble began
 * is told by the times of two looks.
 */
const CHECK_TOLERANCE_MS = 1000;

/**
 * Rule 0's reasons to act on nothing, although everything may look convincing: our own clock, host or disk is not to be
 * trusted in this round. Empty when HandyRep is well.
 */
export function managerSickness(s: Situation): readonly Evidence[] {
  const reasons: Evidence[] = [];
  const { manager } = s;
  const say = (text: string): void => void reasons.push(evidence('management host', s.now, text));
  const last = s.state.clock;
  if (last === null || isOtherBoot(last, manager)) {
    say('this is the first round since this host booted, or the first that HandyRep makes here');
  } else {
    const jump = clockJump(last, manager);
    const meanwhile = shiftWithin(manager);
    if (jump !== 0) say(`${jumped(jump)} since the last round`);
    else if (Math.abs(meanwhile) > CHECK_TOLERANCE_MS) say(`${jumped(meanwhile)} during this check`);
  }
  return [...reasons, ...unwritable(s)];
}

function jumped(ms: number): string {
  return `the clock of this host jumped ${ms < 0 ? 'back' : 'ahead'} by ${Math.round(Math.abs(ms) / 1000)} s`;
}

/** By how much more the wall clock went on since this check looked first than time did, milliseconds. */
function shiftWithin({ began, wall_ms, uptime_ms }: ManagerObservation): number {
  return began === undefined ? 0 : wall_ms - began.wall_ms - (uptime_ms - began.uptime_ms);
}

/** An observation of our host later in the same check than another. */
export function laterThan(first: ManagerObservation, now: ManagerObservation): ManagerObservation {
  const { wall_ms, uptime_ms } = first;
  return { ...now, began: first.began ?? { wall_ms, uptime_ms } };
}

/** A state that cannot be written: no step could be journalled. */
export function unwritable({ manager, now }: Situation): readonly Evidence[] {
  const { state_unwritable: why } = manager;
  return why === null ? [] : [evidence('management host', now, `the saved state cannot be written: ${why}`)];
}

/** By how much the wall clock jumped since the last round, milliseconds; 0 for as long as it only drifts, and after a boot. */
function clockJump(last: ClockRecord | null, now: ManagerObservation): number {
  const shift = clockShift(last, now);
  return Math.abs(shift) <= CLOCK_TOLERANCE_MS ? 0 : shift;
}

/** Whether our host was booted, or another took its place, since its last round: what its clock did meanwhile is not known. */
export function isOtherBoot(last: ClockRecord | null, now: ManagerObservation): boolean {
  return last?.boot_id !== now.boot_id;
}

/** By how much more the wall clock went on since the last round than time did, milliseconds; 0 after a boot, which hides it. */
export function clockShift(last: ClockRecord | null, now: ManagerObservation): number {
  if (last === null || isOtherBoot(last, now)) return 0;
  return now.wall_ms - last.wall_ms - (now.uptime_ms - last.uptime_ms);
}

/** What one replica's testimony amounts to. */
export type Testimony =
  /** It can reach the master, or heard from it since the trouble began: a veto. */
  | 'sees_it'
  /** It answered, and proved that it cannot reach the master either. */
  | 'agrees'
  /** It answered, but what it says proves nothing. */
  | 'silent'
  | 'no_answer'
  /** It was not streaming before the trouble. */
  | 'not_a_witness';

export interface WitnessVerdict {
  readonly server: string;
  readonly testimony: Testimony;
  readonly evidence: Evidence;
}

/**
 * Weighs what a replica says. "streaming" alone proves nothing: with the default wal_receiver_timeout it is shown for a
 * minute after a silent death, so only a message received after `trouble_since` counts as contact.
 */
export function weighWitness(s: Situation, look: WitnessLook, master: string): WitnessVerdict {
  const verdict = (testimony: Testimony, text: string): WitnessVerdict => ({
    server: look.server,
    testimony,
    evidence: evidence(look.server, look.seen.at, `${look.server} ${text}`),
  });
  if (look.port === 'reaches')
    return verdict('sees_it', `reaches the PostgreSQL port of ${master}: ${look.port_detail}`);
  const contact = contactSince(s, look, master);
  if (contact !== null) return verdict('sees_it', contact);
  if (s.state.servers[look.server]?.calm?.streaming !== true) {
    return verdict('not_a_witness', `was not streaming before the trouble, so it is no witness`);
  }
  if (look.port === 'cannot_reach') return verdict('agrees', `cannot reach ${master} either: ${look.port_detail}`);
  const { facts, reach } = look.seen;
  if (facts === null) {
    const answer = `${reach.kind}${reach.detail === '' ? '' : `: ${reach.detail}`}`;
    return verdict('no_answer', `could not be asked (SQL ${answer}; from its host: ${look.port_detail})`);
  }
  if (facts.receiver?.kind === 'none') return verdict('agrees', 'has lost its WAL receiver');
  return verdict('silent', `answers, but cannot say whether ${master} lives (from its host: ${look.port_detail})`);
}

function contactSince(s: Situation, look: WitnessLook, master: string): string | null {
  const receiver = look.seen.facts?.receiver;
  if (receiver?.kind !== 'running' || receiver.status !== 'streaming') return null;
  if (receiver.receipt_age_ms === null || s.trouble_since === null) return null;
  if (streamsFromAnother(s, receiver.sender_host, receiver.sender_port, master)) return null;
  // The earliest moment at which the message can have come: our own clock, less the age by the replica's clock.
  const received = look.seen.at - receiver.receipt_age_ms;
  if (received <= s.trouble_since) return null;
  return `received WAL from ${master} ${receiver.receipt_age_ms} ms before it was asked, after the trouble began`;
}

function streamsFromAnother(s: Situation, host: string | null, port: number | null, master: string): boolean {
  return Object.values(s.state.servers).some(
    ({ def }) => def.name !== master && def.hostname === host && def.port === port,
  );
}
