import type { Category, Event } from '../core/event.js';

/** One line of the log file. */
export interface LogLine {
  /** ISO 8601, UTC. */
  readonly ts: string;
  readonly category: string;
  readonly message: string;
  readonly iserror: boolean;
  readonly alert: boolean;
  readonly server: string | null;
  /** The run that wrote it. */
  readonly run: string;
  /** Milliseconds that it took; null where nothing was timed. */
  readonly ms: number | null;
}

/** What `log_verbose: false` keeps of each category when nothing went wrong: changes and failovers, no routine. */
const KEPT: Readonly<Record<Category, boolean>> = {
  STARTUP: false,
  POLL: false,
  VERIFY: false,
  CHECK: false,
  DECISION: false,
  PLUGIN: false,
  FAILOVER: true,
  FENCE: true,
  PROMOTE: true,
  REMASTER: true,
  CLONE: true,
  REJOIN: true,
  PROXY: true,
  ARCHIVE: true,
  SERVICE: true,
  CONFIG: true,
  STATE: true,
  STATUS: true,
  FAILURE: true,
  RECOVERY: true,
  ALERT: true,
};

/** Whether an event belongs into the log. */
export function isLogged(event: Event, verbose: boolean): boolean {
  return verbose || event.iserror === true || isAlert(event) || KEPT[event.category];
}

/** A line of the log file as an object; null when it is none of ours, or only a part of one. */
export function parseLine(text: string): LogLine | null {
  try {
    const value: unknown = JSON.parse(text);
    return isLine(value) ? value : null;
  } catch {
    return null;
  }
}

function isLine(value: unknown): value is LogLine {
  if (typeof value !== 'object' || value === null) return false;
  const fields = value as Readonly<Record<string, unknown>>;
  return (['ts', 'category', 'message', 'run'] as const).every((key) => typeof fields[key] === 'string');
}

/** Whether people are told of it. */
export function isAlert({ alert = false }: Event): boolean {
  return alert !== false;
}
