import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LOG_MB, RUNS } from '../counts.js';
import type { Figure, Findings } from '../figures.js';
import { BIN, type Cost, type Scales, openScales } from '../measure.js';

const MB = 1024 ** 2;
/** What is asked of a small and of a large log; `whole`: no line of the log is an answer, so all of it has to be read. */
const LOOKS = [
  { line: 'log-tail', whole: false },
  { line: 'log-tail -n 1000', whole: false },
  { line: 'log-tail --since 1m', whole: false },
  { line: 'history', whole: false },
  { line: 'log-tail --category CLONE', whole: true },
] as const;

/** One log of a megabyte and a large one, of the same lines; the commands take turns. */
export async function logs(): Promise<Findings> {
  const folder = await mkdtemp(join(tmpdir(), 'handyrep-bench-'));
  const scales = await openScales();
  try {
    const [small, large] = [await makeLog(folder, 1), await makeLog(folder, LOG_MB)];
    const all: Figure[] = [];
    for (const { line, whole } of LOOKS) all.push(...(await measure(scales, { line, whole, small, large })));
    return { figures: all };
  } finally {
    await scales.remove();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Look {
  readonly line: string;
  readonly whole: boolean;
  /** Configurations. */
  readonly small: string;
  readonly large: string;
}

async function measure(scales: Scales, { line, whole, small, large }: Look): Promise<readonly Figure[]> {
  const costs: Record<'small' | 'large', Cost[]> = { small: [], large: [] };
  for (let run = 0; run < RUNS; run++) {
    costs.small.push(await scales.weigh([BIN, '-c', small, ...line.split(' ')]));
    costs.large.push(await scales.weigh([BIN, '-c', large, ...line.split(' ')]));
  }
  const sizes = [
    { size: 'small', words: '1 MB' },
    { size: 'large', words: `${LOG_MB} MB` },
  ] as const;
  return (['wall', 'memory'] as const).flatMap((what) =>
    sizes.map(({ size, words }): Figure => {
      const name = (of: string): string => `\`${line}\` of ${of}${what === 'memory' ? ', memory' : ''}`;
      return {
        name: name(words),
        unit: what === 'memory' ? 'MB' : 'ms',
        values: costs[size].map((one) => one[what]),
        ...(size === 'small' ? {} : { against: name('1 MB') }),
        ...(size === 'small' || whole ? {} : { aim: { of: 'ratio', at_most: 1.25 } as const }),
      };
    }),
  );
}

/** A log of so many megabytes, and a configuration that names it; its path. */
async function makeLog(folder: string, megabytes: number): Promise<string> {
  const name = `log-${megabytes}`;
  const lines: string[] = [];
  const now = Date.now();
  for (let size = 0, n = 0; size < MB; n++) {
    const ts = new Date(now - 86_400_000 + n * 10).toISOString();
    const line = `${JSON.stringify({ ts, category: 'POLL', message: `the master db1 is up, look ${n}`, iserror: false, alert: false, run: 'a1b2c3d4', ms: n % 100 })}\n`;
    lines.push(line);
    size += line.length;
  }
  const block = Buffer.from(lines.join(''));
  const file = await open(join(folder, name), 'w', 0o640);
  try {
    for (let n = 0; n < megabytes; n++) await file.write(block);
  } finally {
    await file.close();
  }
  const config = join(folder, `${name}.conf.yaml`);
  const sections = {
    handyrep: { cluster_name: 'bench', log_file: name, log_max_size: 0 },
    servers: { db1: { hostname: '127.0.0.1', role: 'master', pgdata: folder } },
  };
  // JSON is YAML.
  await writeFile(config, JSON.stringify(sections), { mode: 0o600 });
  return config;
}
