import type { SavedServer, ServerDef, ServerStatus, ServerStatusName } from './model.js';
import { SERVER_STATUS_NO } from './model.js';
import type { ServerObservation, SqlFacts } from './observation.js';

/** What a `replication_status_method` says of one replica. */
export interface ReplicationView {
  readonly lagged: boolean;
  readonly lag_bytes: number | null;
  readonly message: string;
}

export interface StatusInput {
  readonly def: ServerDef;
  readonly seen: ServerObservation;
  readonly previous: ServerStatus;
  /** A poll tells up from down only, so it never turns `warning` or `lagged` into `healthy`. */
  readonly depth: 'poll' | 'verify';
  readonly system_identifier: string | null;
  readonly replication: ReplicationView | null;
  /** What a verify found besides: ssh, service, disk, slots. */
  readonly issues: readonly string[];
}

/** The status that one observation gives a server. */
export function judgeServer(input: StatusInput): ServerStatus {
  const [status, message] = verdict(input);
  const kept = input.previous.status === 'warning' || input.previous.status === 'lagged';
  if (input.depth === 'poll' && status === 'healthy' && kept) {
    return { ...input.previous, status_ts: stamp(input.seen) };
  }
  return {
    status,
    status_no: SERVER_STATUS_NO[status],
    status_ts: stamp(input.seen),
    status_message: message,
  };
}

/** Whether a server let us in when it was looked at last. */
export function letUsIn({ status, facts }: Pick<SavedServer, 'status' | 'facts'>): boolean {
  if (status.status === 'warning') return facts !== null && facts.at === status.status_ts;
  return status.status === 'healthy' || status.status === 'lagged';
}

export function unknownStatus(message: string): ServerStatus {
  return { status: 'unknown', status_no: SERVER_STATUS_NO.unknown, status_ts: null, status_message: message };
}

function stamp(seen: ServerObservation): string {
  return new Date(seen.at).toISOString();
}

type Verdict = readonly [ServerStatusName, string];

function verdict(input: StatusInput): Verdict {
  const { seen } = input;
  const detail = seen.reach.detail === '' ? '' : `: ${seen.reach.detail}`;
  switch (seen.reach.kind) {
    case 'accepting':
      return accepting(input);
    case 'saturated':
      return ['warning', `up, but all connections are in use${detail}`];
    case 'starting':
      return ['unavailable', `starting up${detail}`];
    case 'stopping':
      return ['unavailable', `shutting down${detail}`];
    case 'rejected':
      return ['warning', `up, but it rejects our login${detail}`];
    case 'refused':
      return ['down', `nothing listens on its port${detail}`];
    case 'timeout':
      return ['unavailable', `no answer in time${detail}`];
    case 'unreachable':
      return ['unavailable', `its host cannot be reached${detail}`];
    case 'unresolved':
      return ['unknown', `cannot be asked, the trouble is ours${detail}`];
  }
}

function accepting(input: StatusInput): Verdict {
  const { facts, write } = input.seen;
  if (input.def.role === 'master' && write !== undefined && write.kind !== 'acknowledged') {
    return ['down', `acknowledges no write: ${write.detail}`];
  }
  if (facts === null) return ['healthy', 'answers'];
  if (
    input.system_identifier !== null &&
    facts.system_identifier !== null &&
    facts.system_identifier !== input.system_identifier
  ) {
    return ['down', `belongs to another cluster: system identifier ${facts.system_identifier}`];
  }
  const role = input.def.role === 'master' ? masterVerdict(facts) : replicaVerdict(input, facts);
  if (role[0] !== 'healthy' || input.issues.length === 0) return role;
  return ['warning', input.issues.join('; ')];
}

function masterVerdict(facts: SqlFacts): Verdict {
  if (facts.in_recovery) return ['down', 'is in recovery although it should be the master'];
  if (facts.read_only) return ['warning', 'default_transaction_read_only is on'];
  return ['healthy', 'accepts writes'];
}

function replicaVerdict({ def, replication }: StatusInput, facts: SqlFacts): Verdict {
  if (!facts.in_recovery) return ['warning', 'accepts writes although it should be a replica'];
  switch (facts.receiver?.kind) {
    case 'none':
      return [
        'warning',
        `does not stream: it has no WAL receiver; see its log, or point it at the master with \`handyrep remaster ${def.name}\``,
      ];
    case 'running':
      if (facts.receiver.status !== 'streaming') return ['warning', `its WAL receiver is ${facts.receiver.status}`];
      break;
    case 'hidden':
      return ['warning', 'its WAL receiver cannot be seen: our role needs pg_monitor'];
    case undefined:
      break;
  }
  if (replication?.lagged === true) return ['lagged', replication.message];
  if (facts.replay_paused) return ['warning', 'replay is paused'];
  return ['healthy', replication?.message ?? 'in recovery, streaming'];
}
