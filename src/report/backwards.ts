import type { FileHandle } from 'node:fs/promises';

export const BLOCK = 65_536;
export const NEWLINE = 0x0a;
/** A longer line is none of ours. Bytes. */
export const LONGEST_LINE = 4_194_304;

/** Reads what a file has from an offset on: so much, or what there is of it. */
export type ReadAt = (from: number, length: number) => Promise<Buffer>;

/**
 * The lines of a file before an offset, last one first. With `word` lines without it may be left out, which is many times as fast:
 * of a block that has it nowhere only the oldest line is given, by whose time a reader knows how far it has come.
 */
export async function* backwards(
  readAt: ReadAt,
  end: number,
  word: string | null = null,
): AsyncGenerator<string, void, undefined> {
  let tail: Buffer = Buffer.alloc(0);
  for (let at = end; at > 0;) {
    const from = Math.max(0, at - BLOCK);
    let rest: Buffer = Buffer.concat([await readAt(from, at - from), tail]);
    if (word !== null && !rest.includes(word)) {
      // What is before the first line's end may go on in the block before this one.
      const first = rest.indexOf(NEWLINE);
      const next = rest.indexOf(NEWLINE, first + 1);
      if (first !== -1) {
        yield rest.toString('utf8', first + 1, next === -1 ? rest.length : next);
        rest = rest.subarray(0, first);
      }
    } else {
      for (let cut = rest.lastIndexOf(NEWLINE); cut !== -1; cut = rest.lastIndexOf(NEWLINE)) {
        yield rest.toString('utf8', cut + 1);
        rest = rest.subarray(0, cut);
      }
    }
    tail = rest.length > LONGEST_LINE ? Buffer.alloc(0) : rest;
    at = from;
  }
  yield tail.toString('utf8');
}

/** Reads in a thread of its own: a disk that hangs holds up nothing else. */
export function readerOf(file: FileHandle): ReadAt {
  return async (from, length) => {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, from);
    return buffer.subarray(0, bytesRead);
  };
}
