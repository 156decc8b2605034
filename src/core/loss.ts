import type { Fitness } from './eligibility.js';
import { believedHeartbeat } from './heartbeat.js';
import { type Lsn, bytesBehind } from './lsn.js';
import type { Candidate, FenceWay, LossLimit } from './model.js';
import { type Situation, recordedMaster } from './situation.js';
import { staleAfter } from './staleness.js';
import { clockShift, isOtherBoot } from './suspicion.js';
import { parseSyncNames } from './sync.js';

/** How much committed work a promotion gives up. */
export type Loss =
  | { readonly kind: 'none'; readonly proof: string }
  /**
   * `bytes`: WAL that the master was seen to have and the candidate has not. `seconds`: how old that sighting is; `vouched`
   * false: by a clock that may have been set, since the management host was booted in between.
   */
  | ({ readonly kind: 'bounded'; readonly bytes: number } & Age)
  | { readonly kind: 'unknown'; readonly why: string };

interface Age {
  readonly seconds: number;
  readonly vouched: boolean;
  /** What saw the master then. */
  readonly since: 'poll' | 'heartbeat';
}

/** The loss in words, the same in every decision, log line and message. */
export function describeLoss(loss: Loss): string {
  switch (loss.kind) {
    case 'none':
      return `none (${loss.proof})`;
    case 'bounded':
      return `${loss.bytes} bytes of WAL known to be missing, and at most what was written ${sinceSeen(loss)}`;
    case 'unknown':
      return `unknown (${loss.why})`;
  }
}

function sinceSeen({ seconds, vouched, since }: Age): string {
  const age = seconds.toFixed(1);
  if (vouched) return `in the ${age} s since the last ${since}`;
  return `since the last ${since}, ${age} s ago by the clock of the management host, which was booted since and cannot vouch for it`;
}

/**
 * The loss of a failover in words. A master that nothing reaches may live on with clients of its own until a plugin
 * powers it off, or until it is found again. Where none is proved
 * that holds all the same: without its synchronous standbys it acknowledges nothing more.
 */
export function describeFailoverLoss(loss: Loss, old_master: string, fence: FenceWay): string {
  const reached = fence.kind === 'signal' || fence.kind === 'kill';
  if (reached || loss.kind === 'none') return describeLoss(loss);
  return `${describeLoss(loss)}, and whatever ${old_master} takes until it is fenced, if it lives`;
}

/** Whether the policy forbids this loss; says why. */
export function exceedsLimit(loss: Loss, limit: LossLimit): string | null {
  if (limit === 'unlimited' || loss.kind === 'none') return null;
  if (limit === 'none') return `max_data_loss is none, and the loss would be: ${describeLoss(loss)}`;
  if (loss.kind === 'unknown')
    return `max_data_loss is ${limit.bytes} bytes, and the loss would be ${describeLoss(loss)}`;
  return loss.bytes > limit.bytes ? `max_data_loss is ${limit.bytes} bytes, and ${loss.bytes} would be lost` : null;
}

/** What promoting `candidate` would lose, with its proof or bound. */
export function assessLoss(s: Situation, candidate: Candidate, fitness: readonly Fitness[]): Loss {
  return (
    byShutdownCheckpoint(s, candidate) ?? bySynchronousStandbys(s, candidate, fitness) ?? byLastPosition(s, candidate)
  );
}

/**
 * A master that was shut down sent everything up to its shutdown checkpoint: a candidate past that record has it all.
 * Past, not at: the record itself must be there ("Streaming Replication", POSTGRES shutdown).
 */
function byShutdownCheckpoint(s: Situation, candidate: Candidate): Loss | null {
  const host = s.closer?.host;
  if (host?.kind !== 'looked' || host.control?.state !== 'shut down' || host.postmaster.kind !== 'not_running')
    return null;
  const { checkpoint_lsn: checkpoint, timeline } = host.control;
  if (timeline !== candidate.timeline) return null;
  if (candidate.lsn > checkpoint) return { kind: 'none', proof: 'it holds the shutdown checkpoint of the old master' };
  return { kind: 'bounded', bytes: bytesBehind(candidate.lsn, checkpoint) + 1, ...age(s, lastSeen(s)) };
}

/**
 * R + W > N: of N standbys that a commit may wait for, each waits for W; where the R that answer are more than N - W,
 * at least one of them has every acknowledged commit, and the one that is furthest ahead of them has it all.
 */
function bySynchronousStandbys(s: Situation, candidate: Candidate, fitness: readonly Fitness[]): Loss | null {
  const { sync } = s.state;
  if (sync === null || stale(s, sync.at) || !['on', 'remote_apply'].includes(sync.commit)) return null;
  const setting = parseSyncNames(sync.setting);
  if (setting === null) return null;
  const members = syncMembers(s, setting.names);
  if (members === null) return null;
  const here = fitness.flatMap((one) =>
    one.candidate !== null && members.includes(one.server) ? [one.candidate] : [],
  );
  if (here.length === 0 || here.length + setting.num <= members.length) return null;
  if (here.some((other) => other.lsn > candidate.lsn)) return null;
  const proof = `synchronous: ${here.length} of ${members.length} standbys answer, each commit waited for ${setting.num}`;
  return { kind: 'none', proof };
}

/** The servers that a commit may have waited for; null when a name fits no server of ours, so that N is not known. */
function syncMembers(s: Situation, names: readonly string[]): readonly string[] | null {
  if (names.includes('*')) {
    // Any connected standby may have been it: those we know, if no stranger was connected.
    const strangers = (s.state.sync?.standbys ?? []).some(
      (standby) => serverShownAs(s, standby.application_name.toLowerCase()) === null,
    );
    return strangers ? null : replicaNames(s);
  }
  const members = names.filter((name) => !isOwnName(s, name)).map((name) => serverShownAs(s, name));
  const known = members.filter((name) => name !== null);
  return known.length === members.length ? [...new Set(known)] : null;
}

/**
 * The same list stands on every server, so the master's own name is in it: a standby that cannot be, unless one shows that
 * name.
 */
function isOwnName(s: Situation, name: string): boolean {
  if (recordedMaster(s.state)?.toLowerCase() !== name) return false;
  const taken = (s.state.sync?.standbys ?? []).some((one) => one.application_name.toLowerCase() === name);
  return !taken && serverShownAs(s, name) === null;
}

function replicaNames(s: Situation): readonly string[] {
  return Object.keys(s.state.servers).filter((name) => name !== recordedMaster(s.state));
}

function serverShownAs(s: Situation, application: string): string | null {
  const shown = Object.values(s.state.servers).filter(
    ({ calm }) => calm?.application_name?.toLowerCase() === application,
  );
  const connected = (s.state.sync?.standbys ?? []).filter((one) => one.application_name.toLowerCase() === application);
  // Two under one name, servers of ours or strangers: which of them was waited for is not known.
  if (connected.length > 1) return null;
  return shown.length === 1 ? (shown[0]?.def.name ?? null) : null;
}

function byLastPosition(s: Situation, candidate: Candidate): Loss {
  const last = lastSeen(s);
  if (last === null) return { kind: 'unknown', why: 'the position of the master was never recorded' };
  if (last.timeline !== candidate.timeline) {
    const why = `the master was on timeline ${last.timeline}, ${candidate.server} is on ${candidate.timeline}`;
    return { kind: 'unknown', why };
  }
  if (staleAt(s, last.at)) {
    return { kind: 'unknown', why: `the position of the master was last seen at ${new Date(last.at).toISOString()}` };
  }
  return { kind: 'bounded', bytes: bytesBehind(candidate.lsn, last.lsn), ...age(s, last) };
}

/** Where the master was seen to be, and when, milliseconds by our clock as it is now. */
interface Sighting {
  readonly since: Age['since'];
  readonly at: number;
  readonly timeline: number;
  readonly lsn: Lsn;
}

/** The newer one of the last poll and the last heartbeat. */
function lastSeen(s: Situation): Sighting | null {
  const { master_position: last } = s.state;
  if (last === null) return null;
  const polled: Sighting = { ...last, since: 'poll', at: remembered(s, last.at) };
  const beat = believedHeartbeat(s);
  return beat === null || beat.at <= polled.at ? polled : { ...beat, since: 'heartbeat' };
}

/** How old a sighting of the master was when the trouble began, and whether that is known. */
function age(s: Situation, seen: Sighting | null): Age {
  const seconds = seen === null ? 0 : Math.max(0, (troubleBegan(s) - seen.at) / 1000);
  const vouched = !s.state.rebooted_since_calm && !isOtherBoot(s.state.clock, s.manager);
  return { seconds, vouched, since: seen?.since ?? 'poll' };
}

/** A clock is set right by so much without having been wrong, milliseconds. */
const CLOCK_SLACK_MS = 1000;

/** Too old to say anything; or of the future, as after a boot with a clock that was set back: then nobody knows how old. */
function stale(s: Situation, at: string): boolean {
  return staleAt(s, remembered(s, at));
}

function staleAt(s: Situation, at: number): boolean {
  const age = troubleBegan(s) - at;
  return age > staleAfter(s.policy.poll_interval) || age < -CLOCK_SLACK_MS;
}

/**
 * When the master was seen to be gone for good: now, by the look that this is decided from, since one that only we did not reach
 * may have lived until then; or when an earlier run proved that it was dead. What came after that cannot be lost.
 */
function troubleBegan(s: Situation): number {
  const { silent_since } = s.state;
  if (silent_since === null || mayHaveRunSince(s)) return s.now;
  return remembered(s, silent_since);
}

/** A time that an earlier run wrote down, by our clock as it is now: it may have jumped since. */
function remembered(s: Situation, at: string): number {
  return Date.parse(at) + clockShift(s.state.clock, s.manager);
}

/** Somebody may have started it between two runs. Crash recovery ends with a checkpoint, beyond all that was there before. */
function mayHaveRunSince(s: Situation): boolean {
  const { master_position: position } = s.state;
  const host = s.closer?.host;
  if (position === null || host?.kind !== 'looked' || host.postmaster.kind !== 'not_running') return true;
  return host.control === null || host.control.checkpoint_lsn > position.lsn;
}
