import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Rebuild, SavedState } from '../../src/core/model.js';
import { formatState } from '../../src/core/saved.js';
import type { Lab } from './lab.js';

/** Writes another servers.save, as a run that died would have left it: newer than any copy of it. */
export async function changeSaved(lab: Lab, change: (state: SavedState) => SavedState): Promise<void> {
  const state = await lab.saved();
  const next = { ...change(state), generation: state.generation + 10 };
  await writeFile(join(lab.dir, 'servers.save'), formatState(next));
}

/** The record of a rebuild whose run is no more. */
export function rebuildOf(server: string, change: Partial<Rebuild> = {}): Rebuild {
  return {
    server,
    kind: 'rejoin',
    method: 'rejoin_rewind',
    source: 'db1',
    run: 'test',
    begun: new Date().toISOString(),
    owner: { pid: 999_999_999, started: '1', host: 'elsewhere', machine: '', boot_id: '' },
    touched: false,
    broken: null,
    ...change,
  };
}
