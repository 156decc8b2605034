import { setTimeout as sleep } from 'node:timers/promises';
import { fail, ok, type Outcome } from '../core/outcome.js';
import { BLOCK, LONGEST_LINE, NEWLINE, backwards } from './backwards.js';
import { LogFile, openIfThere } from './log-file.js';
import { parseLine, type LogLine } from './log-line.js';
import { rotatedPath } from './rotate.js';

/** Runs side by side write nearly in order of time, not quite. Milliseconds. */
const DISORDER = 60_000;

export interface TailOptions {
  /** How many lines that pass the filters. */
  readonly lines: number;
  readonly category?: string | undefined;
  /** Milliseconds since the epoch. */
  readonly since?: number | undefined;
}

export interface FollowOptions extends TailOptions {
  readonly signal: AbortSignal;
  /** Milliseconds between two looks; default 250. */
  readonly every?: number;
}

/** The last lines of the log, oldest first, from its end backwards and on into the files that were rotated away. */
export async function readTail(path: string, options: TailOptions): Promise<Outcome<LogLine[]>> {
  let file: LogFile;
  try {
    file = new LogFile(path);
  } catch (error) {
    return unreadable(path, error);
  }
  try {
    return ok(await tailFrom(path, file, file.stat().size, options));
  } catch (error) {
    return unreadable(path, error);
  } finally {
    file.close();
  }
}

/**
 * The last lines, then every new one as it is written, over any rotation, until the signal is aborted. A log that does
 * not exist yet is waited for.
 */
export async function* followLog(path: string, options: FollowOptions): AsyncGenerator<LogLine, void, undefined> {
  let file: LogFile | null = openIfThere(path);
  let waiting: LogFile[] = [];
  let offset = 0;
  let rest: Buffer = Buffer.alloc(0);
  try {
    if (file !== null) {
      offset = await lastLineEnd(file);
      yield* await tailFrom(path, file, offset, options);
    }
    while (!options.signal.aborted) {
      // Read once more a moment after it was replaced: a run may have opened it before, and write to it after.
      const replaced = file === null || waiting.length > 0;
      if (waiting.length === 0) waiting = successors(path, file);
      if (file !== null) {
        const { size } = file.stat();
        if (size < offset) [offset, rest] = [0, Buffer.alloc(0)];
        for await (const block of forwards(file, offset, size)) {
          offset += block.length;
          const parts = splitLines(Buffer.concat([rest, block]));
          rest = parts.rest;
          yield* parts.lines.map(parseLine).filter((line) => line !== null && passes(line, options)) as LogLine[];
        }
      }
      const next = replaced ? waiting.shift() : undefined;
      if (next !== undefined) {
        file?.close();
        [file, offset, rest] = [next, 0, Buffer.alloc(0)];
      } else {
        await sleep(options.every ?? 250, undefined, { signal: options.signal }).catch(() => undefined);
      }
    }
  } finally {
    for (const one of [file, ...waiting]) one?.close();
  }
}

async function tailFrom(path: string, file: LogFile, size: number, options: TailOptions): Promise<LogLine[]> {
  const found: LogLine[] = [];
  const seen = new Set([file.stat().ino]);
  let more = await collect(file, size, options, found);
  for (let n = 1; more; n++) {
    const older = openIfThere(rotatedPath(path, n));
    if (older === null) break;
    try {
      const { ino, size: end } = older.stat();
      // A rotation while we read gives the file that we have just read its next name.
      if (!seen.has(ino)) more = await collect(older, end, options, found);
      seen.add(ino);
    } finally {
      older.close();
    }
  }
  return found.reverse();
}

/** Adds what passes, newest first; false when enough was found. */
async function collect(file: LogFile, end: number, options: TailOptions, found: LogLine[]): Promise<boolean> {
  if (found.length >= options.lines) return false;
  const { category } = options;
  // As it stands in a line that has it.
  const word = category === undefined ? null : JSON.stringify(category.toUpperCase()).slice(1, -1);
  for await (const text of backwards((from, length) => file.read(from, length), end, word)) {
    const line = parseLine(text);
    if (line === null) continue;
    if (options.since !== undefined && Date.parse(line.ts) < options.since - DISORDER) return false;
    if (passes(line, options)) found.push(line);
    if (found.length >= options.lines) return false;
  }
  return true;
}

function passes(line: LogLine, { category, since }: TailOptions): boolean {
  if (category !== undefined && line.category !== category.toUpperCase()) return false;
  return since === undefined || Date.parse(line.ts) >= since;
}

async function* forwards(file: LogFile, from: number, end: number): AsyncGenerator<Buffer, void, undefined> {
  for (let at = from; at < end;) {
    const block = await file.read(at, Math.min(BLOCK, end - at));
    if (block.length === 0) return;
    yield block;
    at += block.length;
  }
}

function splitLines(bytes: Buffer): { readonly lines: string[]; readonly rest: Buffer } {
  const end = bytes.lastIndexOf(NEWLINE);
  if (end === -1) return { lines: [], rest: bytes.length > LONGEST_LINE ? Buffer.alloc(0) : bytes };
  return { lines: bytes.toString('utf8', 0, end).split('\n'), rest: bytes.subarray(end + 1) };
}

/** Where the last whole line ends: one that is being written is left to the following. */
async function lastLineEnd(file: LogFile): Promise<number> {
  const { size } = file.stat();
  const from = Math.max(0, size - BLOCK);
  const cut = (await file.read(from, size - from)).lastIndexOf(NEWLINE);
  return cut === -1 ? size : from + cut + 1;
}

/**
 * The files that have had the log's name since `file` was opened, oldest first: more than one where it was rotated twice between
 * two looks. Where `file` itself cannot be found any more, only the newest is certain.
 */
function successors(path: string, file: LogFile | null): LogFile[] {
  const newest = openIfThere(path);
  if (newest === null) return [];
  if (file === null) return [newest];
  const later: LogFile[] = [];
  let one: LogFile | null = newest;
  for (let n = 1; one !== null && !isSame(file, one); n++) {
    later.unshift(one);
    one = openIfThere(rotatedPath(path, n));
  }
  one?.close();
  if (one !== null || later.length <= 1) return later;
  later.slice(0, -1).forEach((older) => older.close());
  return [newest];
}

function isSame(a: LogFile, b: LogFile): boolean {
  const [mine, its] = [a.stat(), b.stat()];
  return mine.ino === its.ino && mine.dev === its.dev;
}

function unreadable(path: string, error: unknown): ReturnType<typeof fail> {
  const absent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
  const reason = absent ? 'there is no such file' : error instanceof Error ? error.message : String(error);
  return fail('log_unreadable', `the log ${path} cannot be read: ${reason}`, {
    hint: absent ? 'nothing was logged yet, or log_file names another place' : undefined,
  });
}
