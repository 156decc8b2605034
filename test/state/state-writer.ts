/** Writes state after state until it is killed. */
import { saveStateFile } from '../../src/state/file.js';
import { fullState } from '../core/saved-example.js';

const [path = ''] = process.argv.slice(2);
for (let generation = 1; ; generation++) {
  const saved = await saveStateFile(path, fullState({ generation }));
  if (!saved.ok) throw new Error(saved.error.message);
  if (generation === 1) process.stdout.write('writing\n');
}
