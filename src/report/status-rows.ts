import { formatSize } from '../core/duration.js';
import { sanitize } from './sanitize.js';
import { type ProxyView, type ServerView, type StatusView, describeAge } from './status.js';

/** What every rendering of the status for people shows, in the same words: a terminal and a page never disagree. */

export const SERVER_COLUMNS = [
  'server',
  'role',
  'address',
  'status',
  'streaming',
  'lag',
  'timeline',
  'age',
  'message',
] as const;

export const PROXY_COLUMNS = ['proxy', 'role', 'address', 'status', 'clients go to', 'message'] as const;

/** A server, a cell for each of {@link SERVER_COLUMNS}. */
export function serverCells(server: ServerView): readonly string[] {
  return [
    server.name,
    server.enabled ? server.role : `${server.role}, disabled`,
    `${server.hostname}:${server.port}`,
    server.status,
    server.role === 'master' ? '-' : tell(server.streaming, (streaming) => (streaming ? 'yes' : 'no')),
    server.role === 'master' ? '-' : tell(server.lag_bytes, formatSize),
    tell(server.timeline, String),
    tell(server.facts_age, describeAge),
    sanitize(server.status_message),
  ];
}

/** A proxy, a cell for each of {@link PROXY_COLUMNS}. */
export function proxyCells(proxy: ProxyView): readonly string[] {
  const { name, role, enabled, hostname, port, status, route, owed, status_message } = proxy;
  const to = route === null ? '?' : [route.master, ...route.replicas].join(', ');
  return [
    name,
    enabled ? role : `${role}, disabled`,
    `${hostname}:${port}`,
    status,
    owed === null ? to : `${to}, to be changed`,
    sanitize(status_message),
  ];
}

/** Unknown is shown as such and never as nothing. */
function tell<T>(value: T | null, words: (value: T) => string): string {
  return value === null ? '?' : words(value);
}

/** What the last check found wrong, where it is too old to be shown as so now. */
export function lastKnown({ cluster: { last_problem } }: StatusView): string {
  return last_problem === null ? '' : ` (last known: ${last_problem})`;
}

export function checkedWords({ age }: StatusView): string {
  return age === null ? 'never checked' : `checked ${describeAge(Math.max(0, age))} ago`;
}

/** Something that is to be known besides the statuses. */
export interface Note {
  readonly level: 'bad' | 'warn' | 'info';
  readonly text: string;
}

export function notes(view: StatusView): readonly Note[] {
  const found: Note[] = [];
  const add = (level: Note['level'], text: string): void => void found.push({ level, text });
  for (const { server, fenced } of view.former_masters) {
    if (fenced === null) add('bad', `fencing of ${server} is owed: it is stopped when it returns`);
    else add('info', `${server} is fenced since ${fenced}: make it a replica again with \`handyrep rejoin ${server}\``);
  }
  for (const { server, kind, source, begun, broken } of view.rebuilds) {
    if (broken === null) add('info', `${kind} of ${server} from ${source} is under way since ${begun}`);
    else add('bad', `${kind} of ${server} was broken off, do not start it: ${sanitize(broken)}`);
  }
  if (view.pause !== null) add('warn', `automatic action is paused: ${sanitize(view.pause.reason)}`);
  if (view.unfinished_operation !== null) {
    add('bad', `unfinished operation ${view.unfinished_operation}: the next check goes on with it`);
  }
  if (view.last_failover?.acknowledged === false) add('info', `last automatic failover: ${view.last_failover.ended}`);
  return found;
}
