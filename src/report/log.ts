import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import type { Event } from '../core/event.js';
import { isAlert, isLogged, type LogLine } from './log-line.js';
import { isFull, rotate } from './rotate.js';

const MODE = 0o640;
const { O_APPEND, O_CREAT, O_WRONLY, O_NONBLOCK } = constants;

/** A message is cut here, so that a line stays one write. Characters. */
const LONGEST = 32_768;

export interface LogOptions {
  readonly path: string;
  readonly run: string;
  /** Keep the routine too. */
  readonly verbose: boolean;
  /** Bytes; 0 leaves the rotation to others. */
  readonly max_size: number;
  readonly keep: number;
  readonly redact: (text: string) => string;
  /** Called once, when the log cannot be written. */
  readonly onWarning: (message: string) => void;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** The log of one run. */
export interface Log {
  /** Appends an event at once. Never throws: an unwritable log is no reason not to fail over. */
  write(event: Event): void;
}

/** Opens nothing yet: the file is opened for each line, so that a rotation by anybody is followed. */
export function openLog(options: LogOptions): Log {
  let warned = false;
  return {
    write: (event) => {
      if (!isLogged(event, options.verbose)) return;
      try {
        append(options, `${JSON.stringify(lineOf(options, event))}\n`);
      } catch (error) {
        if (warned) return;
        warned = true;
        const reason = error instanceof Error ? error.message : String(error);
        options.onWarning(`the log ${options.path} cannot be written: ${reason}`);
      }
    },
  };
}

function lineOf(options: LogOptions, event: Event): LogLine {
  return {
    ts: new Date(options.clock()).toISOString(),
    category: event.category,
    message: options.redact(event.message).slice(0, LONGEST),
    iserror: event.iserror ?? false,
    alert: isAlert(event),
    server: event.server ?? null,
    run: options.run,
    ms: event.ms ?? null,
  };
}

function append(options: LogOptions, line: string): void {
  const bytes = Buffer.from(line);
  if (!write(options, bytes, options.max_size > 0)) {
    rotate({ ...options, isDue: () => isFull(options.path, options.max_size) });
    write(options, bytes, false);
  }
}

/** One write; false, and nothing written, when the file is full. */
function write(options: LogOptions, bytes: Buffer, bounded: boolean): boolean {
  // A fifo in its place without a reader must not hold the run up.
  const file = openSync(options.path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, MODE);
  try {
    if (bounded && fstatSync(file).size >= options.max_size) return false;
    if (writeSync(file, bytes) < bytes.length) throw new Error('the disk is full');
    return true;
  } finally {
    closeSync(file);
  }
}
