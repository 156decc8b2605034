import { formatSize } from '../core/duration.js';
import type { ProxyDef, Rebuild, SavedState, ServerDef } from '../core/model.js';
import { slotName } from '../core/slot.js';
import { sanitize } from './sanitize.js';
import type { ProxyView, ServerView } from './status.js';

/** One server as `server show` tells it: what is recorded of it, and how it was last seen. */
export interface ServerDetail extends ServerView {
  readonly definition: ServerDef;
  /** Its replication slot on whomever it follows; null: it streams without one. */
  readonly slot: string | null;
  readonly former_master: { readonly since: string; readonly reason: string; readonly fenced: string | null } | null;
  readonly rebuild: Pick<Rebuild, 'kind' | 'begun' | 'touched' | 'broken'> | null;
}

/** One proxy as `server show` tells it. */
export interface ProxyDetail extends ProxyView {
  readonly definition: ProxyDef;
}

/** One line a setting; the status first. */
export function proxyDetailText({ definition, ...one }: ProxyDetail): string {
  const lines = [`${one.name} is ${one.status}: ${sanitize(one.status_message)}`];
  if (one.owed !== null) lines.push(`its clients are to be sent elsewhere since ${one.owed}: the next check tries`);
  const to = one.route === null ? 'nowhere yet by us' : [one.route.master, ...one.route.replicas].join(', ');
  const settings = Object.entries({ ...definition, clients_go_to: to }).filter(([key]) => key !== 'name');
  return [...lines, ...settings.map(([key, value]) => `  ${key}: ${sanitize(String(value))}`)].join('\n');
}

export function viewServerDetail(state: SavedState, view: ServerView, definition: ServerDef): ServerDetail {
  const { name, use_slots } = definition;
  const former = state.former_masters.find((one) => one.server === name);
  const rebuild = state.rebuilds.find((one) => one.server === name);
  return {
    ...view,
    definition,
    slot: use_slots && definition.role === 'replica' ? slotName(name) : null,
    former_master: former === undefined ? null : { since: former.since, reason: former.reason, fenced: former.fenced },
    rebuild:
      rebuild === undefined
        ? null
        : { kind: rebuild.kind, begun: rebuild.begun, touched: rebuild.touched, broken: rebuild.broken },
  };
}

/** One line a setting; the status first. */
export function serverDetailText(one: ServerDetail): string {
  const { former_master: former, rebuild } = one;
  const lines = [`${one.name} is ${one.status}: ${sanitize(one.status_message)}`];
  if (former !== null) {
    const fenced = former.fenced === null ? 'its fencing is owed' : `fenced since ${former.fenced}`;
    lines.push(`former master since ${former.since}, ${fenced}: ${sanitize(former.reason)}`);
  }
  if (rebuild !== null) {
    const how = rebuild.broken === null ? 'under way' : `broken off: ${sanitize(rebuild.broken)}`;
    lines.push(`${rebuild.kind} begun at ${rebuild.begun}, ${how}`);
  }
  const settings = Object.entries({ ...one.definition, slot: one.slot }).filter(([key]) => key !== 'name');
  return [...lines, ...settings.map(([key, value]) => `  ${key}: ${sanitize(settingText(key, value))}`)].join('\n');
}

/** A setting as `server alter` reads it: a bare number there is a size in MB. */
export function settingText(key: string, value: unknown): string {
  return key === 'lag_limit' && typeof value === 'number' ? formatSize(value) : String(value);
}
