import type { ArchiverView } from '../core/archive-rules.js';
import type { Colors } from './colors.js';
import { roughSize } from '../core/duration.js';
import type { SlotView } from '../core/slot-rules.js';
import type { RuleRow } from '../core/rules.js';
import { sanitize } from './sanitize.js';
import type { ProxyView, StatusView } from './status.js';
import {
  PROXY_COLUMNS,
  SERVER_COLUMNS,
  checkedWords,
  lastKnown,
  notes,
  proxyCells,
  serverCells,
} from './status-rows.js';
import type { DecisionView, OperationView, StepView, PlanView } from './decision.js';

/** `status` for a terminal or a mail: staleness first, then the cluster, then one line a server. */
export function statusText(view: StatusView, color: Colors): string {
  const lines: string[] = [];
  if (view.stale_message !== null) lines.push(color.yellow(`STALE: ${view.stale_message}`));
  const status = `${paint(view.cluster.status, color)}${lastKnown(view)}`;
  lines.push(`${color.bold(view.cluster_name)}: ${status}, ${checkedWords(view)}`);
  if (!view.stale) lines.push(`  ${sanitize(view.cluster.status_message)}`);
  lines.push('', ...serverTable(view, color), ...proxyTable(view.proxies, color), ...noteLines(view, color));
  return lines.join('\n');
}

/** One line a server; staleness first. */
export function serversText(view: StatusView, color: Colors): string {
  const stale = view.stale_message === null ? [] : [color.yellow(`STALE: ${view.stale_message}`)];
  return [...stale, ...serverTable(view, color), ...proxyTable(view.proxies, color)].join('\n');
}

function serverTable(view: StatusView, color: Colors): readonly string[] {
  return table(
    SERVER_COLUMNS,
    view.servers.map((server) => ({ status: server.status, cells: serverCells(server) })),
    color,
  );
}

interface Row {
  readonly status: string;
  readonly cells: readonly string[];
}

/** Columns as wide as they must be; the status has its colour. */
function table(titles: readonly string[], rows: readonly Row[], color: Colors): readonly string[] {
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

/** One line a proxy, below an empty one; nothing where there is none. */
export function proxyTable(proxies: readonly ProxyView[], color: Colors): readonly string[] {
  if (proxies.length === 0) return [];
  const rows = proxies.map((proxy) => ({ status: proxy.status, cells: proxyCells(proxy) }));
  return ['', ...table(PROXY_COLUMNS, rows, color)];
}

function noteLines(view: StatusView, color: Colors): readonly string[] {
  const paints = { bad: color.red, warn: color.yellow, info: String } as const;
  const lines = notes(view).map(({ level, text }) => paints[level](text));
  return lines.length === 0 ? [] : ['', ...lines];
}

function paint(status: string, color: Colors): string {
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
