import type { FailoverPolicy, SavedState } from './model.js';
import type { CloserLook, Heartbeat, ManagerObservation, ServerObservation, TimelineHistory } from './observation.js';

/** The looks at a master that does not answer, within one run. */
export interface Attempts {
  /** Looks made so far, the first one included. */
  readonly made: number;
  /** `fail_retries` + 1. */
  readonly wanted: number;
  /** Looks begun so far; absent: none that has not ended. */
  readonly begun?: number;
}

/** Everything one decision is made from. Same situation, same decision. */
export interface Situation {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly policy: FailoverPolicy;
  readonly state: SavedState;
  readonly manager: ManagerObservation;
  /** Answer of `master_check_method`: is this HandyRep the active one? */
  readonly active: { readonly active: boolean; readonly detail: string };
  /** One entry a server that was looked at; the latest look where there were several. */
  readonly servers: Readonly<Record<string, ServerObservation>>;
  readonly attempts: Attempts;
  /** When the first look that found the master silent began, milliseconds since the epoch; null in calm. */
  readonly trouble_since: number | null;
  readonly closer: CloserLook | null;
  /** History of the newest timeline, where a server is on an older one; null when it was not asked or not told. */
  readonly history: TimelineHistory | null;
  /** The servers that hold that history; one that does not missed the promotion that began the timeline. */
  readonly history_held_by: readonly string[];
  /** The last that a session held on the master told; absent: none was held, or it has told nothing. */
  readonly heartbeat?: Heartbeat;
  /** `restart_master` was tried in this run, and failed: the reason. */
  readonly restart_failed: string | null;
  /** An operator asked for this failover: automatic policy does not apply. */
  readonly on_demand: OnDemand | null;
}

export interface OnDemand {
  /** Promote this one and no other. */
  readonly to: string | null;
  readonly force: boolean;
  /** Leave the other replicas to the operator, whatever `failover.remaster` says. */
  readonly no_remaster?: boolean;
}

/** A fact that a decision stands on, in words, with where it came from and when. */
export interface Evidence {
  readonly source: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly text: string;
}

export function evidence(source: string, at: number, text: string): Evidence {
  return { source, at, text };
}

/** The recorded master's name; null when the saved state names none or several. */
export function recordedMaster(state: SavedState): string | null {
  const names = Object.values(state.servers).filter((server) => server.def.role === 'master' && server.def.enabled);
  return names.length === 1 ? (names[0]?.def.name ?? null) : null;
}

/** Enabled replicas, by name. */
export function enabledReplicas(state: SavedState): readonly string[] {
  return Object.values(state.servers)
    .filter((server) => server.def.role === 'replica' && server.def.enabled)
    .map((server) => server.def.name)
    .sort();
}

/** Whether this server answers as one that takes writes. */
export function acceptsWrites(seen: ServerObservation | undefined): boolean {
  return seen?.reach.kind === 'accepting' && seen.facts !== null && !seen.facts.in_recovery;
}

/** Whether this server is proved to be of another cluster. */
export function isForeign(s: Situation, seen: ServerObservation): boolean {
  const { system_identifier: known } = s.state;
  const { system_identifier: live = null } = seen.facts ?? {};
  return known !== null && live !== null && known !== live;
}

/** Another server that takes writes in a silent master's place, and how that was seen: nobody may be promoted beside it. */
export interface OtherWriter {
  readonly server: string;
  readonly evidence: Evidence;
}

/** By its own word; or, where it does not answer us, by what its host shows. */
export function otherWriter(s: Situation, master: string): OtherWriter | null {
  const seen = Object.values(s.servers).find(
    (one) => one.server !== master && acceptsWrites(one) && !isForeign(s, one),
  );
  if (seen === undefined) return writerByHost(s, master);
  const { server, at, facts } = seen;
  const text = `${server} accepts writes on timeline ${facts?.timeline ?? 'unknown'}`;
  return { server, evidence: evidence(server, at, text) };
}

/** The control file of a running standby never says "in production" ("pg_controldata"): that is a master. */
function writerByHost(s: Situation, master: string): OtherWriter | null {
  const { system_identifier: known } = s.state;
  for (const look of s.closer?.candidate_hosts ?? []) {
    if (look.kind !== 'looked' || look.server === master || look.postmaster.kind !== 'running') continue;
    if (look.control?.state !== 'in production') continue;
    if (known !== null && look.control.system_identifier !== known) continue;
    const text = `${look.server}: its postmaster runs, and its control file says "in production"`;
    return { server: look.server, evidence: evidence(`host of ${look.server}`, s.now, text) };
  }
  return null;
}

/** A server's words for a message: how it answered. */
export function describeReach(seen: ServerObservation): string {
  return `${seen.server}: ${seen.reach.kind}${seen.reach.detail === '' ? '' : ` (${seen.reach.detail})`}`;
}

/** Whether this answer can mean that the server is down. */
export function canMeanDown(seen: ServerObservation): boolean {
  const { kind } = seen.reach;
  return kind === 'refused' || kind === 'timeout' || kind === 'unreachable';
}

/** It is up, and not proved to be a replica. */
export function mayWrite(seen: ServerObservation): boolean {
  return !canMeanDown(seen) && seen.reach.kind !== 'unresolved' && seen.facts?.in_recovery !== true;
}
