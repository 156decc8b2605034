import { formatLsn } from '../core/lsn.js';
import {
  CLUSTER_STATUS_NO,
  SERVER_STATUS_NO,
  type ClusterStatusName,
  type FailoverPolicy,
  type ProxyRole,
  type Route,
  type SavedProxy,
  type SavedServer,
  type SavedState,
  type ServerStatus,
  type ServerStatusName,
} from '../core/model.js';
import { recordedMaster } from '../core/situation.js';
import { staleAfter } from '../core/staleness.js';

/** One server in `status`. Every fact has an age; null is unknown. */
export interface ServerView {
  readonly name: string;
  readonly role: 'master' | 'replica';
  readonly enabled: boolean;
  readonly hostname: string;
  readonly port: number;
  readonly status: ServerStatusName;
  readonly status_no: number;
  readonly status_ts: string | null;
  readonly status_message: string;
  /** This and the lag are of now: null where it is not known to answer. */
  readonly streaming: boolean | null;
  readonly timeline: number | null;
  readonly lsn: string | null;
  readonly lag_bytes: number | null;
  /** Seconds since the facts were seen. */
  readonly facts_age: number | null;
}

/** One proxy in `status`. */
export interface ProxyView {
  readonly name: string;
  readonly role: ProxyRole;
  readonly enabled: boolean;
  readonly hostname: string;
  readonly port: number;
  readonly status: ServerStatusName;
  readonly status_no: number;
  readonly status_ts: string | null;
  readonly status_message: string;
  /** Where HandyRep has sent its clients last; null: nowhere yet. */
  readonly route: Route | null;
  /** Since when its clients are to be sent elsewhere, which every check tries; null: all is done. */
  readonly owed: string | null;
}

/** What all formats of `status` render. */
export interface StatusView {
  readonly cluster_name: string;
  readonly cluster: {
    readonly status: ClusterStatusName;
    readonly status_no: number;
    readonly status_ts: string | null;
    readonly status_message: string;
    /** With stale data: what the last check found wrong. That all was well then is nothing to show now. */
    readonly last_problem: ClusterStatusName | null;
  };
  /** True: the last check is so old that nothing here may be believed to be so now. */
  readonly stale: boolean;
  readonly stale_message: string | null;
  /** Seconds since the last check. */
  readonly age: number | null;
  /** Seconds after which a check is stale. */
  readonly stale_after: number;
  readonly master: string | null;
  readonly servers: readonly ServerView[];
  readonly proxies: readonly ProxyView[];
  readonly last_poll: string | null;
  readonly last_verify: string | null;
  readonly generation: number;
  readonly system_identifier: string | null;
  /** Former masters that must not come back writable. */
  readonly former_masters: readonly {
    readonly server: string;
    readonly since: string;
    readonly fenced: string | null;
  }[];
  /** Servers that are being made anew, or whose clone or rejoin was broken off. */
  readonly rebuilds: readonly {
    readonly server: string;
    readonly kind: 'clone' | 'rejoin';
    readonly source: string;
    readonly begun: string;
    readonly broken: string | null;
  }[];
  readonly pause: SavedState['pause'];
  readonly unfinished_operation: string | null;
  readonly last_failover: SavedState['last_failover'];
  /** The master is up, as far as the last check told and while that is recent. */
  readonly master_up: boolean;
}

/** Old information is never shown as good: a status older than three poll intervals (a minute at least) is unknown. */
export function viewStatus(state: SavedState, policy: FailoverPolicy, now: number): StatusView {
  const age = state.last_poll === null ? null : (now - Date.parse(state.last_poll)) / 1000;
  const limit = staleAfter(policy.poll_interval) / 1000;
  const stale = age === null || age > limit || age < -limit;
  const stale_message = stale ? staleMessage(age, state.last_poll) : null;
  const { cluster } = state;
  const master = recordedMaster(state);
  const masterStatus = master === null ? undefined : state.servers[master]?.status.status;
  return {
    cluster_name: state.cluster_name,
    cluster: {
      status: stale ? 'unknown' : cluster.status,
      status_no: stale ? CLUSTER_STATUS_NO.unknown : cluster.status_no,
      status_ts: cluster.status_ts,
      status_message: stale_message ?? cluster.status_message,
      last_problem: stale && cluster.status !== 'healthy' ? cluster.status : null,
    },
    stale,
    stale_message,
    age,
    stale_after: limit,
    master,
    servers: Object.values(state.servers).map((server) => viewServer(server, now, stale)),
    proxies: Object.values(state.proxies).map((proxy) => viewProxy(proxy, stale)),
    last_poll: state.last_poll,
    last_verify: state.last_verify,
    generation: state.generation,
    system_identifier: state.system_identifier,
    former_masters: state.former_masters.map(({ server, since, fenced }) => ({ server, since, fenced })),
    rebuilds: state.rebuilds.map(({ server, kind, source, begun, broken }) => ({
      server,
      kind,
      source,
      begun,
      broken,
    })),
    pause: state.pause,
    unfinished_operation: state.operation?.id ?? null,
    last_failover: state.last_failover,
    master_up:
      !stale &&
      (cluster.status === 'healthy' || cluster.status === 'warning') &&
      (masterStatus === 'healthy' || masterStatus === 'warning'),
  };
}

function staleMessage(age: number | null, last: string | null): string {
  if (age === null || last === null) return 'no check was ever made: nothing is known of the servers';
  if (age < 0) return `the last check is dated ${last}, in the future: a clock is wrong`;
  return `the last check was at ${last}, ${describeAge(age)} ago: what follows is old, and checks may have stopped`;
}

const STALE_STATUS = { status: 'unknown', status_no: SERVER_STATUS_NO.unknown } as const;

function staleServer(known: ServerStatus): string {
  return known.status === 'healthy' ? 'not checked lately' : `last known: ${known.status}, ${known.status_message}`;
}

export function describeAge(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

export function viewProxy({ def, status: known, route, owed }: SavedProxy, stale: boolean): ProxyView {
  const { name, role, enabled, hostname, port } = def;
  const status = stale ? { ...known, ...STALE_STATUS, status_message: staleServer(known) } : known;
  return { name, role, enabled, hostname, port, ...status, route, owed };
}

function viewServer({ def, status: known, facts }: SavedServer, now: number, stale: boolean): ServerView {
  const status = stale ? { ...known, ...STALE_STATUS, status_message: staleServer(known) } : known;
  const answers = status.status === 'healthy' || status.status === 'lagged' || status.status === 'warning';
  return {
    name: def.name,
    role: def.role,
    enabled: def.enabled,
    hostname: def.hostname,
    port: def.port,
    ...status,
    streaming: answers ? (facts?.streaming ?? null) : null,
    timeline: facts?.timeline ?? null,
    lsn: facts?.lsn == null ? null : formatLsn(facts.lsn),
    lag_bytes: answers ? (facts?.lag_bytes ?? null) : null,
    facts_age: facts === null ? null : Math.max(0, (now - Date.parse(facts.at)) / 1000),
  };
}
