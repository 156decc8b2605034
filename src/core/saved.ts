import { decodeJson, encodeJson } from './json.js';
import {
  CLUSTER_STATUS_NO,
  NO_ARCHIVE,
  SERVER_STATUS_NO,
  type HistoryEntry,
  type Operation,
  type ProxyDef,
  type SavedState,
  type ServerDef,
} from './model.js';
import { fail, ok, type Outcome } from './outcome.js';
import { checkState, completeState } from './saved-shape.js';
import { isObject } from './shape.js';

/** The format that this HandyRep writes, and the newest that it reads. */
const STATE_FORMAT = 1;

/** `cause` of the failure for a state that a later HandyRep wrote: it is not damaged and must not be set aside. */
export const FUTURE_FORMAT = 'future_format';

/** How many finished operations are kept. */
const HISTORY_LIMIT = 100;

/** The state of a cluster that nothing has been seen of yet. `now` is ISO 8601. */
export function emptyState(
  cluster_name: string,
  servers: readonly ServerDef[],
  now: string,
  proxies: readonly ProxyDef[] = [],
): SavedState {
  const never = { status_ts: null, status_message: 'not checked yet' };
  const status = { ...never, status: 'unknown', status_no: SERVER_STATUS_NO.unknown } as const;
  return {
    format: STATE_FORMAT,
    generation: 0,
    updated: now,
    cluster_name,
    system_identifier: null,
    cluster: { ...never, status: 'unknown', status_no: CLUSTER_STATUS_NO.unknown },
    servers: Object.fromEntries(servers.map((def) => [def.name, { def, status, calm: null, facts: null }])),
    proxies: Object.fromEntries(proxies.map((def) => [def.name, { def, status, route: null, owed: null }])),
    routing: { route: null, owed: null },
    archive: NO_ARCHIVE,
    last_poll: null,
    last_verify: null,
    master_position: null,
    sync: null,
    silent_since: null,
    rebooted_since_calm: false,
    former_masters: [],
    rebuilds: [],
    pause: null,
    clock: null,
    operation: null,
    last_failover: null,
    history: [],
  };
}

/** The newer of two states: the higher generation, then the later `updated`; the first where they are equal. */
export function newest(a: SavedState | null, b: SavedState | null): SavedState | null {
  if (a === null || b === null) return a ?? b;
  if (a.generation !== b.generation) return a.generation > b.generation ? a : b;
  return Date.parse(a.updated) >= Date.parse(b.updated) ? a : b;
}

/** A state as the text of `servers.save`. */
export function formatState(state: SavedState): string {
  return `${encodeJson(state, 2)}\n`;
}

/**
 * Reads a state's text, and refuses whatever is damaged, of another tool, of a later format ({@link FUTURE_FORMAT}), or
 * of another cluster than `cluster_name`.
 */
export function parseState(text: string, cluster_name?: string): Outcome<SavedState> {
  const decoded = decodeJson(text);
  if (!decoded.ok) return decoded;
  const { value } = decoded;
  if (!isObject(value)) return fail('state_unreadable', 'it is no saved state of HandyRep');
  const format = value['format'];
  if (typeof format === 'number' && format > STATE_FORMAT) {
    return fail('state_unreadable', `it has format ${format.toString()}, and this HandyRep reads up to 1`, {
      hint: 'a newer HandyRep wrote it: use that one',
      cause: FUTURE_FORMAT,
    });
  }
  const whole = completeState(value);
  const wrong = checkState(whole, '');
  if (wrong !== null) return fail('state_unreadable', `it is damaged or no saved state of HandyRep: ${wrong}`);
  const state = whole as unknown as SavedState;
  if (cluster_name !== undefined && state.cluster_name !== cluster_name) {
    return fail('state_unreadable', `it is of the cluster ${state.cluster_name}, not of ${cluster_name}`, {
      hint: 'let each cluster have a server_file, and a row of the cluster table, of its own',
      cause: 'other_cluster',
    });
  }
  return ok(state);
}

/** An operation that ended, for the history. */
export function historyEntry(
  operation: Operation,
  end: Pick<HistoryEntry, 'ended' | 'result' | 'details'>,
): HistoryEntry {
  const { id, kind, automatic, begun, old_master, new_master, evidence, loss, steps, moments = [] } = operation;
  return { id, kind, automatic, begun, ...end, old_master, new_master, evidence, loss, steps, moments };
}

/** History with one more entry, newest first, and no more entries than `limit`. */
export function addHistory(
  history: readonly HistoryEntry[],
  entry: HistoryEntry,
  limit = HISTORY_LIMIT,
): HistoryEntry[] {
  return [entry, ...history].slice(0, limit);
}

/**
 * Whether two states differ in anything but times, positions and clocks, that is whether the cluster table, which each
 * replica must replay, is worth writing.
 */
export function materialChange(a: SavedState, b: SavedState): boolean {
  return !same(material(a), material(b));
}

/** A state without what changes in every calm round. */
function material(state: SavedState): unknown {
  const servers = Object.entries(state.servers).map(([name, { def, status, calm, facts }]) => [
    name,
    {
      def,
      status: calmStatus(status),
      calm: calm === null ? null : { ...calm, at: null, lsn: null },
      facts: facts === null ? null : { ...facts, at: null, lsn: null, lag_bytes: null, took: null },
    },
  ]);
  const proxies = Object.entries(state.proxies).map(([name, proxy]) => [
    name,
    { ...proxy, status: calmStatus(proxy.status) },
  ]);
  const { master_position, sync } = state;
  return {
    ...state,
    generation: null,
    updated: null,
    last_poll: null,
    last_verify: null,
    clock: null,
    cluster: calmStatus(state.cluster),
    servers: Object.fromEntries(servers) as unknown,
    proxies: Object.fromEntries(proxies) as unknown,
    master_position: master_position === null ? null : { ...master_position, at: null, lsn: null },
    sync: sync === null ? null : { ...sync, at: null },
  };
}

/** Messages tell sizes and ages: another number in the same words is no other status. */
function calmStatus(status: { readonly status: string; readonly status_message: string }): unknown {
  return { status: status.status, status_message: status.status_message.replaceAll(/\d+(\.\d+)?/g, '#') };
}

/** Equal in value; the order of keys does not count, since jsonb has its own. */
function same(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((inner: unknown, index) => same(inner, b[index]));
  }
  if (!isObject(a) || !isObject(b)) return a === b;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]));
}
