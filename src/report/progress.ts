import { about } from '../core/clone.js';

/** How far one copy is, and how fast it goes. */
export interface ProgressView {
  readonly server: string;
  readonly phase: string;
  readonly bytes: number;
  /** Null where it is not known. */
  readonly total: number | null;
  /** Bytes a second; null while that cannot be told. */
  readonly rate: number | null;
}

/** A position at a time, milliseconds. */
export interface Sample {
  readonly at: number;
  readonly bytes: number;
}

const WIDEST_BAR = 40;
const NARROWEST_BAR = 10;

/** One line for a terminal of so many columns, never wider: the bar gives way first, then what stands last. */
export function progressBar(view: ProgressView, columns: number): string {
  const { server, phase, total } = view;
  const facts = factsOf(view);
  if (total === null || total === 0 || phase !== 'copying') return cut(`${server}  ${phase}`, columns);
  const done = Math.min(1, view.bytes / total);
  const head = `${server}  `;
  for (let count = facts.length; count > 0; count--) {
    const tail = `  ${facts.slice(0, count).join('  ')}`;
    const room = columns - head.length - tail.length - 2;
    if (room >= NARROWEST_BAR) return `${head}${bar(done, Math.min(WIDEST_BAR, room))}${tail}`;
  }
  return cut(`${head}${facts[0] ?? ''}`, columns);
}

/** One line for a log or a mail. */
export function progressLine(view: ProgressView): string {
  if (view.phase !== 'copying') return `${view.server}: ${view.phase}`;
  return `${view.server}: ${view.phase}, ${factsOf(view).join(', ')}`;
}

/** Percent, amount, rate, time left; what is not known is left out. */
function factsOf({ bytes, total, rate }: ProgressView): readonly string[] {
  const facts: string[] = [];
  if (total === null || total === 0) facts.push(about(bytes));
  else {
    const share = Math.min(1, bytes / total);
    facts.push(`${String(Math.floor(share * 100)).padStart(3)}%`, `${about(bytes)} of ${about(total)}`);
  }
  if (rate === null) return facts;
  facts.push(`${about(rate)}/s`);
  if (total !== null && rate > 0) facts.push(`${clock(Math.max(0, total - bytes) / rate)} left`);
  return facts;
}

function bar(share: number, width: number): string {
  const filled = Math.round(share * width);
  const body = filled === 0 || filled === width ? '='.repeat(filled) : `${'='.repeat(filled - 1)}>`;
  return `[${body.padEnd(width)}]`;
}

function clock(seconds: number): string {
  const whole = Math.ceil(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number): string => String(value).padStart(2, '0');
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

function cut(text: string, columns: number): string {
  return text.length <= columns ? text : text.slice(0, Math.max(0, columns));
}

const RATE_WINDOW_MS = 10_000;

/** The samples that still count, with one more; going backwards (another phase) begins anew. */
export function addSample(samples: readonly Sample[], next: Sample): readonly Sample[] {
  const last = samples.at(-1);
  if (last !== undefined && next.bytes < last.bytes) return [next];
  return [...samples.filter((one) => next.at - one.at <= RATE_WINDOW_MS), next];
}

/** Bytes a second over the samples; null for less than a second of them. */
export function rateOf(samples: readonly Sample[]): number | null {
  const first = samples[0];
  const last = samples.at(-1);
  if (first === undefined || last === undefined || last.at - first.at < 1000) return null;
  return ((last.bytes - first.bytes) * 1000) / (last.at - first.at);
}
