import { roughDuration } from './duration.js';
import type { SavedState, ServerStatusName } from './model.js';

/**
 * `failure`: it began or became worse; `change`: it became better and is not well yet; `repeat`: it stays; `recovery`: it is well
 * again; `closed`: nobody watches it any more; `notice`: something was done, or went wrong, once; `test`: asked for by an operator.
 */
export type AlertKind = 'failure' | 'change' | 'repeat' | 'recovery' | 'closed' | 'notice' | 'test';

/** One message to people. It may be sent twice, when a run is killed in between: `id` tells that. Holds no secret. */
export interface Alert {
  readonly id: string;
  readonly kind: AlertKind;
  /** ISO 8601, UTC. */
  readonly at: string;
  /** What ties a failure, its repeats and its end together: `cluster`, or `server NAME`; null for a notice. */
  readonly subject: string | null;
  readonly server: string | null;
  readonly category: string;
  readonly message: string;
  /** Nothing is left to be done for its subject: `recovery` or `closed`. */
  readonly recovery: boolean;
  /** Of its subject; null for a notice. */
  readonly status: string | null;
  /** When the trouble began; null for a notice. */
  readonly since: string | null;
  /** Milliseconds since then. */
  readonly duration_ms: number | null;
  /** The run that tells it, as in the log. */
  readonly run: string;
}

/** An alert before it is numbered. */
export type NewAlert = Omit<Alert, 'id' | 'at' | 'run'>;

/** What may be wrong: the cluster, or a server that takes part. */
export interface Watched {
  readonly subject: string;
  readonly server: string | null;
  readonly status: string;
  /** 0: well; a higher one is worse. */
  readonly level: number;
  readonly message: string;
  /** An alert of another subject says it already: no reason to open one. */
  readonly covered: boolean;
}

/** A trouble that people were told of, or one that has just ended. */
export interface OpenAlert {
  readonly subject: string;
  readonly server: string | null;
  /** ISO 8601, all of them. When the present trouble began. */
  readonly since: string;
  /** When the first of several in short order began. */
  readonly first: string;
  /** How often it began since then. */
  readonly times: number;
  /** What people believe: the level and status that they were told last; 0 is well. */
  readonly known: number;
  readonly status: string;
  /** The worst that they were told since `first`. */
  readonly worst: number;
  /** When they were told last, and when they are told again if nothing changes. */
  readonly told: string;
  readonly next: string;
  /** Milliseconds until the time after `next`. */
  readonly pause: number;
  /** Since when it is well again; null while it is not. */
  readonly calm: string | null;
}

/** Milliseconds. */
export interface AlertPolicy {
  /** The first pause before an alert is repeated; 0: never. */
  readonly repeat: number;
  /** The longest, as it doubles. */
  readonly longest: number;
}

export interface AlertVerdict {
  readonly open: readonly OpenAlert[];
  readonly alerts: readonly NewAlert[];
}

/** What comes and goes within this time is told as one trouble, not each time. Milliseconds. */
const FLAPPING = 300_000;

const SERVER_LEVEL: Readonly<Record<ServerStatusName, number>> = {
  healthy: 0,
  lagged: 1,
  warning: 2,
  unknown: 3,
  unavailable: 3,
  down: 4,
};

/** What there is to be told of in a saved state. What was never looked at is no news, and neither is a disabled server. */
export function watchedIn(state: SavedState): readonly Watched[] {
  const servers = Object.values(state.servers).flatMap(({ def, status }): Watched[] =>
    def.enabled && status.status_ts !== null
      ? [
          {
            subject: `server ${def.name}`,
            server: def.name,
            status: status.status,
            level: SERVER_LEVEL[status.status],
            message: status.status_message,
            covered: false,
          },
        ]
      : [],
  );
  const { cluster } = state;
  if (cluster.status_ts === null) return servers;
  // A warning of the cluster repeats what is wrong with its servers.
  const covered = cluster.status === 'warning' && servers.some(({ level }) => level > 0);
  const { status, status_message: message } = cluster;
  return [...servers, { subject: 'cluster', server: null, status, level: SERVER_LEVEL[status], message, covered }];
}

/**
 * Decides what people are told now: each failure and recovery at once, what stays wrong again and again with growing pauses, and
 * what comes and goes not every time. `now` is milliseconds since the epoch.
 */
export function judgeAlerts(
  open: readonly OpenAlert[],
  watched: readonly Watched[],
  now: number,
  policy: AlertPolicy,
): AlertVerdict {
  const known = new Map(open.map((one) => [one.subject, one]));
  const judged = watched.map((one) => judge(known.get(one.subject) ?? null, one, now, policy));
  const seen = new Set(watched.map(({ subject }) => subject));
  const gone = open.filter(({ subject }) => !seen.has(subject)).flatMap((one) => closed(one, now));
  return {
    open: judged.flatMap((one) => one.open ?? []),
    alerts: [...judged.flatMap((one) => one.alert ?? []), ...gone],
  };
}

interface Judged {
  readonly open: OpenAlert | null;
  readonly alert: NewAlert | null;
}

function judge(open: OpenAlert | null, seen: Watched, now: number, policy: AlertPolicy): Judged {
  if (open === null) {
    return seen.level === 0 || seen.covered ? { open: null, alert: null } : begins(seen, now, policy);
  }
  if (seen.level === 0) return isWell(open, seen, now, policy);
  const fresh = open.calm !== null;
  const at = stamp(now);
  const trouble: OpenAlert = fresh ? { ...open, since: at, times: open.times + 1, calm: null } : open;
  if (seen.level > open.known) {
    const flaps = seen.level <= open.worst && !isPast(open.told, hold(policy), now);
    return flaps ? { open: trouble, alert: null } : tell(trouble, seen, 'failure', now, policy);
  }
  if (seen.level < open.known) return tell(trouble, seen, 'change', now, policy);
  if (policy.repeat > 0 && isDue(open, now)) return tell(trouble, seen, 'repeat', now, policy);
  return { open: trouble, alert: null };
}

function begins(seen: Watched, now: number, policy: AlertPolicy): Judged {
  const at = stamp(now);
  const { subject, server, status } = seen;
  const open = { subject, server, status, since: at, first: at, times: 1, known: 0, worst: 0, calm: null };
  return tell({ ...open, told: at, next: at, pause: policy.repeat }, seen, 'failure', now, policy);
}

function isWell(open: OpenAlert, seen: Watched, now: number, policy: AlertPolicy): Judged {
  if (open.calm !== null) return { open: isPast(open.calm, hold(policy), now) ? null : open, alert: null };
  const calm = { ...open, calm: stamp(now) };
  // It came and went while people were not told that it came again.
  if (open.known === 0) return { open: calm, alert: null };
  const lasted = now - Date.parse(open.since);
  const message = `${name(open)} is ${seen.status} again after ${roughDuration(lasted)}: ${seen.message}`;
  const alert = alertOf(open, 'recovery', seen.status, message, now);
  return { open: { ...calm, known: 0, status: seen.status, told: stamp(now) }, alert };
}

function tell(
  open: OpenAlert,
  seen: Watched,
  kind: 'failure' | 'change' | 'repeat',
  now: number,
  policy: AlertPolicy,
): Judged {
  const pause = kind === 'repeat' ? Math.min(open.pause * 2, Math.max(policy.longest, policy.repeat)) : policy.repeat;
  const told: OpenAlert = {
    ...open,
    known: seen.level,
    status: seen.status,
    worst: Math.max(open.worst, seen.level),
    told: stamp(now),
    next: stamp(now + pause),
    pause,
  };
  const message = `${name(open)} is ${inWords(open, seen, kind, now)}: ${seen.message}`;
  return { open: told, alert: alertOf(open, kind, seen.status, message, now) };
}

function inWords(open: OpenAlert, seen: Watched, kind: 'failure' | 'change' | 'repeat', now: number): string {
  const since = roughDuration(Math.max(0, now - Date.parse(open.since)));
  switch (kind) {
    case 'change':
      return `${seen.status}, no longer ${open.status}, ${since} after it began`;
    case 'repeat':
      return `still ${seen.status}, for ${since}`;
    case 'failure': {
      const often = roughDuration(Math.max(0, now - Date.parse(open.first)));
      return open.times > 1 ? `${seen.status} (${open.times} times within ${often})` : seen.status;
    }
  }
}

/** Whoever was told of a failure is told that nothing more will come. */
function closed(open: OpenAlert, now: number): readonly NewAlert[] {
  if (open.known === 0) return [];
  const lasted = roughDuration(Math.max(0, now - Date.parse(open.since)));
  const message = `${name(open)} is no longer watched (disabled or removed); it was ${open.status} for ${lasted}`;
  return [alertOf(open, 'closed', open.status, message, now)];
}

function alertOf(open: OpenAlert, kind: AlertKind, status: string, message: string, now: number): NewAlert {
  const recovery = kind === 'recovery' || kind === 'closed';
  return {
    kind,
    subject: open.subject,
    server: open.server,
    category: recovery || kind === 'change' ? 'RECOVERY' : 'FAILURE',
    message,
    recovery,
    status,
    since: open.since,
    duration_ms: Math.max(0, now - Date.parse(open.since)),
  };
}

function name({ server }: OpenAlert): string {
  return server ?? 'the cluster';
}

function hold({ repeat }: AlertPolicy): number {
  return repeat === 0 ? FLAPPING : Math.min(repeat, FLAPPING);
}

function isDue({ told, next }: OpenAlert, now: number): boolean {
  return now >= Date.parse(next) || now < Date.parse(told);
}

/** A clock that went backwards must not make anybody wait. */
function isPast(since: string, pause: number, now: number): boolean {
  return now >= Date.parse(since) + pause || now < Date.parse(since);
}

function stamp(now: number): string {
  return new Date(now).toISOString();
}
