import { Buffer } from 'node:buffer';

/** What a process writes, up to a limit, and which of the watched words were in it. */
export class Capture {
  readonly #limit: number;
  readonly #watched: readonly string[];
  readonly #seen = new Set<string>();
  readonly #chunks: Buffer[] = [];
  #size = 0;
  /** The end of what came before, in case that a word is cut in two. */
  #tail = '';

  constructor(limit: number, watched: readonly string[]) {
    this.#limit = limit;
    this.#watched = watched;
  }

  /** False when it is too much: then the chunk is dropped. */
  add(chunk: Buffer): boolean {
    if (this.#size + chunk.length > this.#limit) return false;
    this.#size += chunk.length;
    this.#chunks.push(chunk);
    if (this.#watched.length > 0) this.#watch(chunk);
    return true;
  }

  has(word: string): boolean {
    return this.#seen.has(word);
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }

  #watch(chunk: Buffer): void {
    const text = this.#tail + chunk.toString('latin1');
    for (const word of this.#watched) if (text.includes(word)) this.#seen.add(word);
    const longest = Math.max(...this.#watched.map((word) => word.length));
    this.#tail = text.slice(-longest);
  }
}
