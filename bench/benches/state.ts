import { open, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { SavedState } from '../../src/core/model.js';
import { formatState, parseState } from '../../src/core/saved.js';
import { saveStateFile } from '../../src/state/file.js';
import { withCluster } from '../clusters.js';
import { RUNS } from '../counts.js';
import type { Figure, Findings } from '../figures.js';
import { handyrep, timed } from '../measure.js';

/** HandyRep keeps a hundred finished operations itself. */
const HISTORIES = [1, 100, 1000];
const COMMANDS = ['status', 'history', 'poll'];
/** A write is short: many of them make one run. */
const WRITES = 20;

/** The write of `servers.save` beside that of the same bytes alone, and commands with ever longer histories in it. */
export async function state(): Promise<Findings> {
  return withCluster({}, async (cluster, config) => {
    await handyrep(config, 'verify');
    await handyrep(config, '--yes', 'failover', '--to', 'db2');
    const path = join(dirname(config), 'servers.save');
    const saved = parseState(await readFile(path, 'utf8'));
    if (!saved.ok) throw new Error(saved.error.message);
    const figures: Figure[] = [];
    for (const length of HISTORIES) figures.push(...(await writes(cluster.folder, withHistory(saved.value, length))));
    figures.push(...(await commands(config, path, saved.value)));
    return { figures, notes: ['one write: the mean of twenty in a row'] };
  });
}

function withHistory(saved: SavedState, length: number): SavedState {
  const [entry] = saved.history;
  if (entry === undefined) throw new Error('the switchover is not in the history');
  return { ...saved, history: Array.from({ length }, () => entry) };
}

async function writes(folder: string, saved: SavedState): Promise<readonly Figure[]> {
  const text = formatState(saved);
  const path = join(folder, 'bench.save');
  const size = `${(text.length / 1024).toFixed(0)} kB`;
  const [floor, ours]: [number[], number[]] = [[], []];
  for (let run = 0; run < RUNS; run++) {
    floor.push(await each(() => writeAndSync(path, text)));
    ours.push(await each(() => save(path, saved)));
  }
  await rm(path);
  const alone = `write and fsync of ${size}`;
  return [
    { name: alone, unit: 'ms', values: floor },
    { name: `servers.save with ${saved.history.length} operations, ${size}`, unit: 'ms', values: ours, against: alone },
  ];
}

async function each(work: () => Promise<void>): Promise<number> {
  const all = await timed(async () => {
    for (let n = 0; n < WRITES; n++) await work();
  });
  return all / WRITES;
}

async function save(path: string, saved: SavedState): Promise<void> {
  const done = await saveStateFile(path, saved);
  if (!done.ok) throw new Error(done.error.message);
}

/** What a write costs that is safe against a crash of the machine, and against nothing else. */
async function writeAndSync(path: string, text: string): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function commands(config: string, path: string, saved: SavedState): Promise<readonly Figure[]> {
  const times = new Map<string, number[]>();
  // The copy in the cluster table would be the newer one otherwise.
  const ahead = { ...saved, generation: saved.generation + 1_000_000 };
  for (let run = 0; run < RUNS; run++) {
    for (const length of HISTORIES) {
      await writeFile(path, formatState(withHistory(ahead, length)));
      for (const command of COMMANDS) {
        const key = nameOf(command, length);
        times.set(key, [...(times.get(key) ?? []), await timed(() => handyrep(config, command))]);
      }
    }
  }
  return COMMANDS.flatMap((command) =>
    HISTORIES.map((length): Figure => {
      const name = nameOf(command, length);
      const base = nameOf(command, 1);
      return { name, unit: 'ms', values: times.get(name) ?? [], ...(length === 1 ? {} : { against: base }) };
    }),
  );
}

function nameOf(command: string, length: number): string {
  return `\`${command}\` with ${length} operation(s) on record`;
}
