import { join } from 'node:path';
import { openPrivateCache } from '../src/io/private-cache.js';
import { commandWord } from '../src/launch/command-word.js';
import { openPacks } from '../src/launch/packs.js';

/** What starts the built command: `bin/handyrep.ts` is the first chunk that it runs. */

/** Set when the package is built: a digest of the code, the names of the packs, and the chunk to begin with. */
declare const HANDYREP_BUILD: string;
declare const HANDYREP_PACKS: readonly string[];
declare const HANDYREP_ENTRY: string;

const SUCCESS = 0;
const USAGE = 2;
const packs = openPacks({
  folder: join(__dirname, '../command'),
  packs: HANDYREP_PACKS,
  // The build makes a CommonJS module of this one.
  builtIn: require,
  cache: openPrivateCache(HANDYREP_BUILD, process.env),
  command: commandWord(process.argv.slice(2)),
});
packs.require(HANDYREP_ENTRY);
// Nothing is left to do: what Node would take apart piece by piece goes with the process.
process.on('beforeExit', () => process.exit());
process.on('exit', (code) => {
  if (code !== USAGE) packs.keepCompiled(code === SUCCESS);
});
