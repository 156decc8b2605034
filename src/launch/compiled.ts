import type { Script } from 'node:vm';
import type { PrivateCache } from '../io/private-cache.js';

/** How much of a pack a run went through: the more, the more of it V8 has compiled. */
export interface Reached {
  /** The chunks that ran. */
  readonly ran: readonly string[];
  /** Whether the command did what it was asked for: one that refused at once compiled little of the same chunks. */
  readonly well: boolean;
}

/** What an earlier run compiled of a pack. */
interface Compiled extends Reached {
  /** What V8 made of it. */
  readonly code: Buffer;
}

/**
 * Whether a run has compiled what the kept code lacks. The first run of a command may be its `--help`, or fail: what it left
 * must not be all that later runs find. Each answer of yes adds a chunk or the first success, so they end.
 */
export function improves(run: Reached, kept: Reached): boolean {
  const known = new Set(kept.ran);
  return (run.well && !kept.well) || run.ran.some((id) => !known.has(id));
}

const LENGTH_BYTES = 4;

/** What is written behind the code. */
interface Label extends Reached {
  readonly source: string;
}

/**
 * Null where there is nothing that can be used.
 *
 * @param source which file the code is of: another one of the same length V8 would take for it
 */
export function readCompiled(cache: PrivateCache, key: string, source: string): Compiled | null {
  const found = cache.read(key);
  if (found === undefined) return null;
  const end = found.length - LENGTH_BYTES;
  const length = found.readUInt32LE(end);
  const label = JSON.parse(found.toString('utf8', end - length, end)) as Label;
  return label.source === source ? { ran: label.ran, well: label.well, code: found.subarray(0, end - length) } : null;
}

interface Ended extends Label {
  readonly script: Script;
  /** What the run began with, which is in what it has compiled. */
  readonly known: Reached | null;
}

/** The code comes first: V8 copies what does not begin at the beginning of a word. */
export function writeCompiled(cache: PrivateCache, key: string, { source, script, ran, well, known }: Ended): void {
  const label: Label = {
    source,
    ran: [...new Set([...(known?.ran ?? []), ...ran])],
    well: well || known?.well === true,
  };
  const words = Buffer.from(JSON.stringify(label));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(words.length, 0);
  cache.write(key, Buffer.concat([script.createCachedData(), words, length]));
}
