import { type Stats, closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/** After so many bytes signals and timers get their turn. */
const BREATH = 16 * 1_048_576;

/**
 * A file of the log, open for reading. It is read without Node's promises: to load those and to start threads for them takes longer
 * than to read the end of a log.
 */
export class LogFile {
  readonly #fd: number;
  #held = 0;

  /** Throws where it cannot be opened. Does not wait for a writer where the log is a fifo. */
  constructor(path: string) {
    this.#fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  }

  stat(): Stats {
    return fstatSync(this.#fd);
  }

  async read(from: number, length: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(length);
    const found = buffer.subarray(0, readSync(this.#fd, buffer, 0, length, from));
    this.#held += found.length;
    if (this.#held > BREATH) {
      this.#held = 0;
      await new Promise((done) => setImmediate(done));
    }
    return found;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Null where it cannot be opened. */
export function openIfThere(path: string): LogFile | null {
  try {
    return new LogFile(path);
  } catch {
    return null;
  }
}
