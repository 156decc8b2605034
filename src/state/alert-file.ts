import { readFile, rename } from 'node:fs/promises';
import { EMPTY_BOOK, type AlertBook, formatAlertBook, parseAlertBook } from '../core/alert-book.js';
import { type Outcome, fail, ok } from '../core/outcome.js';
import { removeLeftovers, replaceDurably } from './durable.js';
import { acquireLock } from './lock.js';

/** Where the alerts are kept that belong to a saved state. */
export function alertPath(server_file: string): string {
  return `${server_file}.alerts`;
}

/** The alert book as it is; empty where there is none yet. */
export async function readAlertBook(path: string): Promise<Outcome<AlertBook>> {
  let written: string;
  try {
    written = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ok(EMPTY_BOOK);
    return fail('state_unreadable', `${path} cannot be read: ${words(error)}`);
  }
  const parsed = parseAlertBook(written);
  return parsed.ok
    ? parsed
    : fail('state_unreadable', `${path} is damaged: ${parsed.error.message}`, { cause: 'damaged' });
}

export interface UpdateOptions {
  readonly run: string;
  /** Milliseconds to wait for another run that writes it. */
  readonly wait_ms: number;
}

/** Changes the alert book under a lock of its own. A damaged one is set aside, and a new one begun. */
export async function updateAlertBook(
  path: string,
  options: UpdateOptions,
  change: (book: AlertBook) => AlertBook,
): Promise<Outcome<AlertBook>> {
  const lock = await acquireLock(path, { ...options, command: 'alerts' });
  if (!lock.ok) return lock;
  try {
    await removeLeftovers(path);
    const read = await readAlertBook(path);
    if (!read.ok && read.error.cause !== 'damaged') return read;
    if (!read.ok) await rename(path, `${path}.corrupt`);
    const changed = change(read.ok ? read.value : EMPTY_BOOK);
    await replaceDurably(path, formatAlertBook(changed));
    return ok(changed);
  } catch (error) {
    return fail('state_unwritable', `${path} cannot be written: ${words(error)}`);
  } finally {
    await lock.value.release();
  }
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
