import type { ArchiverView } from '../core/archive-rules.js';
import type { ChalkInstance } from 'chalk';
import { formatSize, roughSize } from '../core/duration.js';
import type { SlotView } from '../core/slot-rules.js';
import type { RuleRow } from '../core/rules.js';
import { sanitize } from './sanitize.js';
import { type ProxyView, type ServerView, type StatusView, describeAge } from './status.js';
import type { DecisionView, OperationView, StepView, PlanView } from './decision.js';

/** `status` for a terminal or a mail: staleness first, then the cluster, then one line a server. */
export function statusText(view: StatusView, color: ChalkInstance): string {
  const lines: string[] = [];
  if (view.stale_message !== null) lines.push(color.yellow(`STALE: ${view.stale_message}`));
  const known = view.cluster.last_problem === null ? '' : ` (last known: ${view.cluster.last_problem})`;
  const checked = view.age === null ? 'never checked' : `checked ${describeAge(Math.max(0, view.age))} ago`;
  lines.push(`${color.bold(view.cluster_name)}: ${paint(view.cluster.status, color)}${known}, ${checked}`);
  if (!view.stale) lines.push(`  ${sanitize(view.cluster.status_message)}`);
  lines.push('', ...serverTable(view, color), ...proxyTable(view.proxies, color), ...notes(view, color));
  return lines.join('\n');
}

/** One line a server; staleness first. */
export function serversText(view: StatusView, color: ChalkInstance): string {
  const stale = view.stale_message === null ? [] : [color.yellow(`STALE: ${view.stale_message}`)];
  return [...stale, ...serverTable(view, color), ...proxyTable(view.proxies, color)].join('\n');
}

const COLUMNS = ['server', 'role', 'address', 'status', 'streaming', 'lag', 'timeline', 'age', 'message'] as const;

function serverTable(view: StatusView, color: ChalkInstance): readonly string[] {
  return table(
    COLUMNS,
    view.servers.map((server) => ({ status: server.status, cells: serverCells(server) })),
    color,
  );
}

interface Row {
  readonly status: string;
  readonly cells: readonly string[];
}

/** Columns as wide as they must be; the status has its colour. */
function table(titles: readonly string[], rows: readonly Row[], color: ChalkInstance): readonly string[] {
  const widths = titles.map((title, index) =>
    Math.max(title.length, ...rows.map(({ cells }) => cells[index]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    cells.map((cell, index) => (index === cells.length - 1 ? cell : cell.padEnd(widths[index] ?? 0))).join('  ');
  return [
    color.dim(line(titles)),
    ...rows.map(({ status, cells }) => line(cells).replace(status, paint(status, color))),
  ];
}

const PROXY_COLUMNS = ['proxy', 'role', 'address', 'status', 'clients go to', 'message'] as const;

/** One line a proxy, below an empty one; nothing where there is none. */
export function proxyTable(proxies: readonly ProxyView[], color: ChalkInstance): readonly string[] {
  if (proxies.length === 0) return [];
  const rows = proxies.map((proxy) => ({ status: proxy.status, cells: proxyCells(proxy) }));
  return ['', ...table(PROXY_COLUMNS, rows, color)];
}

function proxyCells({ name, role, enabled, hostname, port, status, route, owed, status_message }: ProxyView): string[] {
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

function serverCells(server: ServerView): readonly string[] {
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

/** Unknown is shown as such and never as nothing. */
function tell<T>(value: T | null, words: (value: T) => string): string {
  return value === null ? '?' : words(value);
}

function notes(view: StatusView, color: ChalkInstance): readonly string[] {
  const lines: string[] = [];
  for (const { server, fenced } of view.former_masters) {
    if (fenced === null) lines.push(color.red(`fencing of ${server} is owed: it is stopped when it returns`));
    else lines.push(`${server} is fenced since ${fenced}: make it a replica again with \`handyrep rejoin ${server}\``);
  }
  for (const { server, kind, source, begun, broken } of view.rebuilds) {
    if (broken === null) lines.push(`${kind} of ${server} from ${source} is under way since ${begun}`);
    else lines.push(color.red(`${kind} of ${server} was broken off, do not start it: ${sanitize(broken)}`));
  }
  if (view.pause !== null) lines.push(color.yellow(`automatic action is paused: ${sanitize(view.pause.reason)}`));
  if (view.unfinished_operation !== null) {
    lines.push(color.red(`unfinished operation ${view.unfinished_operation}: the next check goes on with it`));
  }
  if (view.last_failover?.acknowledged === false) lines.push(`last automatic failover: ${view.last_failover.ended}`);
  return lines.length === 0 ? [] : ['', ...lines];
}

function paint(status: string, color: ChalkInstance): string {
  switch (status) {
    case 'healthy':
      return color.green(status);
    case 'down':
    case 'unavailable':
      return color.red(status);
    default:
      return color.yellow(status);
  }
}

/** A decision with its evidence, as a tree. */
export function decisionText(view: DecisionView, { plan, commands, preflight }: PlanView): string {
  const lines = [`rule ${view.rule}, ${view.diagnosis}`, ...view.evidence.map((one) => `  - ${sanitize(one.text)}`)];
  for (const veto of view.vetoes) lines.push(`  held back: ${sanitize(veto.text)}`);
  for (const one of view.candidates) {
    const why = one.fit
      ? `fit, at ${one.lsn ?? '?'}`
      : `not fit: ${one.unfit.map(({ text }) => sanitize(text)).join(', ')}`;
    lines.push(`  ${one.server}: ${why}`);
  }
  if (view.loss !== null) lines.push(`  loss: ${sanitize(view.loss)}`);
  for (const one of preflight) {
    lines.push(`  ${one.blocks ? 'BLOCKS' : 'note'}  ${one.name}: ${sanitize(one.text)} (${sanitize(one.hint)})`);
  }
  if (plan.length > 0) lines.push('  plan:');
  for (const [index, step] of plan.entries()) {
    lines.push(`    ${index + 1}. ${sanitize(step)}`);
    lines.push(...(commands[index] ?? []).map((command) => `         ${sanitize(command)}`));
  }
  return lines.join('\n');
}

/** What an operation did, one line a step with its duration. */
export function operationText(view: OperationView): string {
  return stepsText(view.steps);
}

export function stepsText(steps: readonly StepView[]): string {
  return steps
    .map((one) => {
      const ms = one.begun !== null && one.ended !== null ? Date.parse(one.ended) - Date.parse(one.begun) : null;
      const took = ms === null ? '' : ` (${ms} ms)`;
      return `  ${one.state.padEnd(7)} ${sanitize(one.step)}${took}${one.note === null ? '' : `\n          ${sanitize(one.note)}`}`;
    })
    .join('\n');
}

export function rulesText(rows: readonly RuleRow[]): string {
  return rows
    .map((row) => {
      const situations = row.situations.length === 0 ? '' : `\n     situations: ${row.situations.join(', ')}`;
      return `${String(row.number).padStart(2)}. when ${row.when}\n     then ${row.then}${situations}`;
    })
    .join('\n');
}

/** One line a slot: where, whose, and what it keeps. */
export function slotsText(slots: readonly SlotView[]): string {
  if (slots.length === 0) return 'there are no replication slots';
  const lines = slots.map(({ server, name, owner, replica, active, wal_status, retained }) => {
    const whose = owner === 'foreign' ? 'not ours' : replica === null ? 'for nobody known' : `for ${replica}`;
    const keeps = retained === null ? 'keeps nothing yet' : `keeps ${roughSize(retained)} of WAL`;
    return `  ${server}: ${sanitize(name)}, ${whose}, ${active ? 'active' : 'inactive'}, ${keeps} (${wal_status ?? 'unused'})`;
  });
  return ['replication slots:', ...lines].join('\n');
}

/** Who archives WAL, the last success, and what waits. */
export function archiversText(archivers: readonly ArchiverView[]): string {
  const lines = archivers.map((one) => {
    const { server, mode, in_recovery } = one;
    if (mode === 'off') return `  ${server}  archive_mode is off`;
    if (in_recovery && mode === 'on') return `  ${server}  archives when it is promoted`;
    const last =
      one.last_archived === null ? 'nothing archived yet' : `${one.last_archived_wal ?? ''} at ${one.last_archived}`;
    const failed = one.last_failed === null ? '' : `, ${one.failed_count} failure(s), the last at ${one.last_failed}`;
    return `  ${server}  ${last}; ${one.ready} segment(s) wait${failed}`;
  });
  return ['WAL archive:', ...lines].join('\n');
}
