import { sanitize } from '../sanitize.js';
import type { StatusView } from '../status.js';

/** One time series: its labels, and its value. */
interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

interface Metric {
  readonly name: string;
  readonly help: string;
  /** Null: not known, so there is no sample; a number that looks good is never put in its place. */
  readonly samples: readonly (Sample | null)[];
}

const CLUSTER_STATUS = '0 unknown, 1 healthy, 3 warning, 5 down';
const STALE = 'Whether the last check was too old to be believed when this was written.';
const MASTER_UP = 'Whether the master is up, by a check that is not stale.';
const SERVER_STATUS = '0 unknown, 1 healthy, 2 lagged, 3 warning, 4 unavailable, 5 down';

/**
 * The status as a file for the textfile collector of node_exporter (Prometheus text format 0.0.4). The file does not get
 * older by itself, so times stand in it and no ages.
 */
export function prometheus(view: StatusView): string {
  return formatted(metrics(view));
}

function formatted(all: readonly Metric[]): string {
  return all
    .map(({ name, help, samples }) => {
      const lines = samples.flatMap((one) => (one === null ? [] : [`${name}${labelled(one.labels)} ${one.value}`]));
      return lines.length === 0 ? '' : [`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, ...lines, ''].join('\n');
    })
    .join('');
}

/** When there is no status to tell: nothing is saved, or it cannot be read. */
export function prometheusFailure(cluster_name: string): string {
  const labels = { cluster: cluster_name };
  return formatted([
    {
      name: 'handyrep_cluster_status',
      help: `Status of the cluster: ${CLUSTER_STATUS}.`,
      samples: [{ labels, value: 0 }],
    },
    { name: 'handyrep_stale', help: STALE, samples: [{ labels, value: 1 }] },
    { name: 'handyrep_master_up', help: MASTER_UP, samples: [{ labels, value: 0 }] },
  ]);
}

function metrics(view: StatusView): readonly Metric[] {
  const cluster = { cluster: view.cluster_name };
  const one = (value: number | null): readonly (Sample | null)[] => [
    value === null ? null : { labels: cluster, value },
  ];
  const time = (at: string | null | undefined): readonly (Sample | null)[] =>
    one(at == null ? null : Date.parse(at) / 1000);
  const each = <T extends { readonly name: string }>(
    of: readonly T[],
    kind: string,
    value: (one: T) => number | null,
  ): readonly (Sample | null)[] =>
    of.map((item) => {
      const found = value(item);
      return found === null ? null : { labels: { ...cluster, [kind]: item.name }, value: found };
    });
  const { servers, proxies, last_failover } = view;
  const masterInfo = view.master === null ? null : { labels: { ...cluster, server: view.master }, value: 1 };
  return [
    {
      name: 'handyrep_cluster_status',
      help: `Status of the cluster: ${CLUSTER_STATUS}.`,
      samples: one(view.cluster.status_no),
    },
    {
      name: 'handyrep_stale',
      help: STALE,
      samples: one(flag(view.stale)),
    },
    {
      name: 'handyrep_master_up',
      help: MASTER_UP,
      samples: one(flag(view.master_up)),
    },
    { name: 'handyrep_master_info', help: 'Who is recorded as master.', samples: [masterInfo] },
    {
      name: 'handyrep_last_check_timestamp_seconds',
      help: 'When the servers were looked at last.',
      samples: time(view.last_poll),
    },
    {
      name: 'handyrep_stale_after_seconds',
      help: 'The age from which on a check is not believed.',
      samples: one(view.stale_after),
    },
    {
      name: 'handyrep_last_verify_timestamp_seconds',
      help: 'When they were looked at thoroughly last.',
      samples: time(view.last_verify),
    },
    {
      name: 'handyrep_last_failover_timestamp_seconds',
      help: 'When the last automatic failover ended.',
      samples: time(last_failover?.ended),
    },
    {
      name: 'handyrep_failover_unacknowledged',
      help: 'Whether nobody has acknowledged it yet (handyrep ack).',
      samples: one(flag(last_failover?.acknowledged === false)),
    },
    { name: 'handyrep_paused', help: 'Whether automatic action is paused.', samples: one(flag(view.pause !== null)) },
    {
      name: 'handyrep_operation_unfinished',
      help: 'Whether an operation was broken off and is not finished yet.',
      samples: one(flag(view.unfinished_operation !== null)),
    },
    {
      name: 'handyrep_fencing_owed',
      help: 'Former masters that could not be fenced yet.',
      samples: one(view.former_masters.filter(({ fenced }) => fenced === null).length),
    },
    {
      name: 'handyrep_server_info',
      help: 'What a server is recorded as.',
      samples: servers.map(({ name, role }) => ({ labels: { ...cluster, server: name, role }, value: 1 })),
    },
    {
      name: 'handyrep_server_status',
      help: `Status of a server: ${SERVER_STATUS}.`,
      samples: each(servers, 'server', (server) => server.status_no),
    },
    {
      name: 'handyrep_server_enabled',
      help: 'Whether a server takes part.',
      samples: each(servers, 'server', ({ enabled }) => flag(enabled)),
    },
    {
      name: 'handyrep_server_streaming',
      help: 'Whether a replica streams; absent where it is not known.',
      samples: each(servers, 'server', ({ role, streaming }) =>
        role === 'master' || streaming === null ? null : flag(streaming),
      ),
    },
    {
      name: 'handyrep_server_lag_bytes',
      help: 'WAL that a replica has not replayed; absent where it is not known.',
      samples: each(servers, 'server', ({ role, lag_bytes }) => (role === 'master' ? null : lag_bytes)),
    },
    {
      name: 'handyrep_server_timeline',
      help: 'The timeline that a server was seen on last.',
      samples: each(servers, 'server', ({ timeline }) => timeline),
    },
    {
      name: 'handyrep_proxy_status',
      help: `Status of a proxy: ${SERVER_STATUS}.`,
      samples: each(proxies, 'proxy', (proxy) => proxy.status_no),
    },
    {
      name: 'handyrep_proxy_route_owed',
      help: 'Whether its clients are still to be sent elsewhere.',
      samples: each(proxies, 'proxy', ({ owed }) => flag(owed !== null)),
    },
  ];
}

function flag(value: boolean): number {
  return value ? 1 : 0;
}

/** `{name="value"}`, with backslash, quote and line break escaped as the format asks. */
function labelled(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${sanitize(value).replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`,
  );
  return `{${pairs.join(',')}}`;
}
