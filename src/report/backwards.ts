import type { FileHandle } from 'node:fs/promises';

export const BLOCK = 65_536;
export const NEWLINE = 0x0a;
/** A longer line is none of ours. Bytes. */
export const LONGEST_LINE = 4_194_304;

/** The lines of a file before an offset, last one first. */
export async function* backwards(file: FileHandle, end: number): AsyncGenerator<string, void, undefined> {
  let tail: Buffer = Buffer.alloc(0);
  for (let at = end; at > 0;) {
    const from = Math.max(0, at - BLOCK);
    let rest: Buffer = Buffer.concat([await readAt(file, from, at - from), tail]);
    for (let cut = rest.lastIndexOf(NEWLINE); cut !== -1; cut = rest.lastIndexOf(NEWLINE)) {
      yield rest.toString('utf8', cut + 1);
      rest = rest.subarray(0, cut);
    }
    tail = rest.length > LONGEST_LINE ? Buffer.alloc(0) : rest;
    at = from;
  }
  yield tail.toString('utf8');
}

export async function readAt(file: FileHandle, from: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, from);
  return buffer.subarray(0, bytesRead);
}
