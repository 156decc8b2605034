import { join } from 'node:path';
import { openPrivateCache } from '../src/io/private-cache.js';
import { commandWord } from '../src/launch/command-word.js';
import { openPacks } from '../src/launch/packs.js';

/** What starts the built command: `bin/handyrep.ts` is the first chunk that it runs. */

/** Set when the package is built: a digest of the packs, which pack each chunk is in, and the chunk to begin with. */
declare const HANDYREP_BUILD: string;
declare const HANDYREP_CHUNKS: Readonly<Record<string, string>>;
declare const HANDYREP_ENTRY: string;

const USAGE = 2;
const packs = openPacks({
  folder: join(__dirname, '../command'),
  index: HANDYREP_CHUNKS,
  cache: openPrivateCache(HANDYREP_BUILD, process.env),
  command: commandWord(process.argv.slice(2)),
});
packs.require(HANDYREP_ENTRY);
process.on('exit', (code) => {
  if (code !== USAGE) packs.keepCompiled();
});
