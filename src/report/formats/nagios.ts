import type { ClusterStatusName } from '../../core/model.js';
import { sanitize } from '../sanitize.js';
import type { ServerView, StatusView } from '../status.js';
import { lastKnown, notes } from '../status-rows.js';

/** Exit codes of a Nagios plugin (Monitoring Plugins Development Guidelines, "Plugin Return Codes"). */
export const NAGIOS = { ok: 0, warning: 1, critical: 2, unknown: 3 } as const;
export type NagiosCode = (typeof NAGIOS)[keyof typeof NAGIOS];

export interface NagiosAnswer {
  readonly code: NagiosCode;
  /** One line for the pager, performance data behind a `|`, then a line for each server, without a line break at the end. */
  readonly text: string;
}

const CODE: Readonly<Record<ClusterStatusName, NagiosCode>> = {
  healthy: NAGIOS.ok,
  warning: NAGIOS.warning,
  down: NAGIOS.critical,
  unknown: NAGIOS.unknown,
};

const WORD: Readonly<Record<NagiosCode, string>> = { 0: 'OK', 1: 'WARNING', 2: 'CRITICAL', 3: 'UNKNOWN' };

/** The status as a Nagios plugin tells it. What is stale is UNKNOWN. */
export function nagios(view: StatusView): NagiosAnswer {
  const code = CODE[view.cluster.status];
  const head = line(code, `${view.cluster_name}: ${view.cluster.status_message}${lastKnown(view)}`);
  const parts = [...view.servers, ...view.proxies].map((one) =>
    plain(`${one.name}: ${role(one)}, ${one.status}: ${one.status_message}`),
  );
  return {
    code,
    text: [`${head} | ${performance(view).join(' ')}`, ...parts, ...notes(view).map(({ text }) => plain(text))].join(
      '\n',
    ),
  };
}

/** When there is no status to tell: nothing is saved, or the configuration cannot be used. */
export function nagiosFailure(details: string): NagiosAnswer {
  return { code: NAGIOS.unknown, text: line(NAGIOS.unknown, details) };
}

function line(code: NagiosCode, text: string): string {
  return `HANDYREP ${WORD[code]} - ${plain(text)}`;
}

function role({ role: name, enabled }: { readonly role: string; readonly enabled: boolean }): string {
  return enabled ? name : `${name}, disabled`;
}

/** A bar begins performance data. */
function plain(text: string): string {
  return sanitize(text).replaceAll('|', '/');
}

/** `'label'=value[unit];warn;crit;min;max`; what is not known is `U`. */
function performance(view: StatusView): readonly string[] {
  const replicas = view.servers.filter(({ role: name, enabled }) => name === 'replica' && enabled);
  const streaming = replicas.filter((one) => one.streaming === true).length;
  return [
    `'age'=${view.age === null ? 'U' : `${Math.max(0, Math.round(view.age)).toString()}s`};;;0`,
    `'status_no'=${view.cluster.status_no};;;0;5`,
    `'streaming'=${view.stale ? 'U' : streaming};;;0;${replicas.length}`,
    ...replicas.map(lag),
  ];
}

function lag({ name, lag_bytes }: ServerView): string {
  // A quote or an equals sign would end the label.
  return `'${plain(name).replaceAll(/['=]/g, '_')} lag'=${lag_bytes === null ? 'U' : `${lag_bytes}B`};;;0`;
}
