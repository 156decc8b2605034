import type { Candidate, SavedServer, SavedState } from './model.js';
import type { HostLook, ServerObservation } from './observation.js';
import { type Situation, recordedMaster } from './situation.js';
import { isAncestor } from './timeline.js';

/** Why a replica is not fit to be promoted. */
export type UnfitReason =
  | 'disabled'
  | 'never_promoted'
  | 'not_the_one_asked_for'
  | 'not_asked'
  | 'does_not_answer'
  | 'not_in_recovery'
  | 'foreign_system'
  | 'unknown_position'
  | 'diverged_timeline'
  | 'missed_timeline'
  | 'was_not_streaming'
  | 'disk_full'
  | 'promotion_unreachable'
  | 'promotion_failed';

export interface Unfit {
  readonly reason: UnfitReason;
  readonly text: string;
}

export interface Fitness {
  readonly server: string;
  /** Set when it is fit. */
  readonly candidate: Candidate | null;
  readonly failover_priority: number | null;
  readonly lag_limit: number;
  /** Every reason why not, not only the first. */
  readonly unfit: readonly Unfit[];
}

/** A promoted server writes a new timeline at once: room for a few WAL segments, bytes. */
const MIN_FREE_BYTES = 64 * 1024 * 1024;

/** Promotion methods that need a remote command. */
const NEEDS_HOST: ReadonlySet<string> = new Set(['promote_pg_ctl']);

/** Judges every replica of the saved state, by name. Failed candidates of the operation in progress are not fit again. */
export function judgeFitness(s: Situation): readonly Fitness[] {
  return Object.values(s.state.servers)
    .filter(({ def }) => def.name !== recordedMaster(s.state))
    .sort((a, b) => (a.def.name < b.def.name ? -1 : 1))
    .map((server) => judge(s, server));
}

function judge(s: Situation, server: SavedServer): Fitness {
  const { def } = server;
  const seen = s.servers[def.name];
  const host = s.closer?.candidate_hosts.find((look) => look.server === def.name);
  const unfit = [
    ...byDefinition(s, server),
    ...bySight(s, seen),
    ...byTimeline(s, server, seen),
    ...byHost(server, host),
  ];
  const { lsn = null } = seen?.facts ?? {};
  const timeline = liveTimeline(server, seen);
  const fit = unfit.length === 0 && lsn !== null && timeline !== null;
  return {
    server: def.name,
    candidate: fit ? { server: def.name, lsn, timeline } : null,
    failover_priority: def.failover_priority,
    lag_limit: def.lag_limit,
    unfit,
  };
}

function byDefinition(s: Situation, { def, calm }: SavedServer): readonly Unfit[] {
  const reasons: Unfit[] = [];
  if (!def.enabled) reasons.push({ reason: 'disabled', text: 'it is disabled' });
  if (def.failover_priority === null) {
    reasons.push({ reason: 'never_promoted', text: 'its failover_priority is null: never promote it' });
  }
  const wanted = s.on_demand?.to ?? null;
  if (wanted !== null && wanted !== def.name) {
    reasons.push({ reason: 'not_the_one_asked_for', text: `${wanted} was asked for` });
  }
  if (calm?.streaming !== true) {
    const text =
      calm === null ? 'it was never seen streaming' : `it was not streaming at ${calm.at}, before the trouble began`;
    reasons.push({ reason: 'was_not_streaming', text });
  }
  if (s.state.operation?.failed_candidates.includes(def.name) === true) {
    reasons.push({ reason: 'promotion_failed', text: 'its promotion failed in this operation' });
  }
  return reasons;
}

function bySight(s: Situation, seen: ServerObservation | undefined): readonly Unfit[] {
  if (seen === undefined) return [{ reason: 'not_asked', text: 'it was not looked at' }];
  const { reach, facts } = seen;
  if (reach.kind !== 'accepting') {
    const text = `it does not answer: ${reach.kind}${reach.detail === '' ? '' : ` (${reach.detail})`}`;
    return [{ reason: 'does_not_answer', text }];
  }
  if (facts === null) return [{ reason: 'unknown_position', text: 'its position is not known' }];
  const reasons: Unfit[] = [];
  if (!facts.in_recovery) reasons.push({ reason: 'not_in_recovery', text: 'it is not in recovery: it takes writes' });
  const known = s.state.system_identifier;
  if (facts.system_identifier === null || facts.system_identifier !== known) {
    const text = `its system identifier is ${facts.system_identifier ?? 'unknown'}, the cluster's is ${known ?? 'unknown'}`;
    reasons.push({ reason: 'foreign_system', text });
  }
  if (facts.lsn === null || facts.timeline === null) {
    reasons.push({ reason: 'unknown_position', text: 'its WAL position or timeline is not known' });
  }
  return reasons;
}

/**
 * A replica's timeline. pg_control names it only after a restart point, and the WAL receiver, which knows it, is gone
 * with its master: what it streamed on in calm times still holds, since a standby never goes back.
 */
export function liveTimeline({ calm }: SavedServer, seen: ServerObservation | undefined): number | null {
  const { timeline = null } = seen?.facts ?? {};
  if (timeline === null || calm?.streaming !== true) return timeline;
  return Math.max(timeline, calm.timeline ?? 0);
}

/** The newest timeline that is known: recorded, or seen on a server of this cluster; 0 when none is. */
export function newestTimeline(
  { master_position, system_identifier }: SavedState,
  servers: Readonly<Record<string, ServerObservation>>,
): number {
  const seen = Object.values(servers).flatMap(({ facts }) =>
    facts?.timeline != null && facts.system_identifier === system_identifier ? [facts.timeline] : [],
  );
  return Math.max(master_position?.timeline ?? 0, ...seen);
}

/**
 * A promoted server gives its timeline the first number above its own that it knows no history of. One that missed the newest
 * timeline would give that number a second time, and nothing would tell the two apart from then on: not a standby, not
 * pg_rewind, not we. A standby has the history file from the moment it connects to a master on that timeline ("Timelines").
 */
function byTimeline(s: Situation, server: SavedServer, seen: ServerObservation | undefined): readonly Unfit[] {
  const { def } = server;
  const { lsn = null } = seen?.facts ?? {};
  const timeline = liveTimeline(server, seen);
  if (lsn === null || timeline === null) return [];
  const newest = newestTimeline(s.state, s.servers);
  if (timeline === newest) return [];
  const { history, history_held_by } = s;
  if (history?.timeline !== newest) {
    const text = `it is on timeline ${timeline}, the newest is ${newest}, and no server told that one's history`;
    return [{ reason: 'diverged_timeline', text }];
  }
  if (!isAncestor(history, timeline, lsn)) {
    return [{ reason: 'diverged_timeline', text: `its timeline ${timeline} is no ancestor of timeline ${newest}` }];
  }
  if (history_held_by.includes(def.name)) return [];
  const text = `it is on timeline ${timeline} and knows nothing of timeline ${newest}: promoted, it would use that number a second time`;
  return [{ reason: 'missed_timeline', text }];
}

function byHost({ def }: SavedServer, host: HostLook | undefined): readonly Unfit[] {
  if (host?.kind === 'looked') {
    if (host.free_bytes === null || host.free_bytes >= MIN_FREE_BYTES) return [];
    const free = Math.floor(host.free_bytes / 1024 / 1024);
    return [{ reason: 'disk_full', text: `only ${free} MB are free where its data directory is` }];
  }
  if (!NEEDS_HOST.has(def.promotion_method)) return [];
  const why = host === undefined ? 'its host was not asked' : host.detail;
  return [{ reason: 'promotion_unreachable', text: `${def.promotion_method} needs commands on its host: ${why}` }];
}
