import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * What it costs to start: wall-clock and processor time of the built command beside Node's own (`node -e 0`). The runs
 * take turns, so that a busy moment of the machine hits all of them.
 */
const BIN = fileURLToPath(new URL('../dist/bin/handyrep.js', import.meta.url));
const RUNS = Number(process.env['HANDYREP_BENCH_RUNS'] ?? 15);
/** Ticks a second of the times in /proc (proc(5), sysconf(_SC_CLK_TCK)). */
const TICKS = 100;

const config = process.env['HANDYREP_CONFIG'] ?? fileURLToPath(new URL('../handyrep.conf.yaml', import.meta.url));
const commands: Readonly<Record<string, readonly string[]>> = {
  'node -e 0': ['-e', '0'],
  'handyrep --version': [BIN, '--version'],
  'handyrep --help': [BIN, '--help'],
  'handyrep explain --rules': [BIN, 'explain', '--rules'],
  'handyrep config check': [BIN, '-c', config, 'config', 'check'],
  'handyrep status': [BIN, '-c', config, 'status'],
};

interface Times {
  readonly wall: number[];
  /** Milliseconds, of all runs together: the kernel counts in steps of 10. */
  cpu: number;
}

const times = new Map<string, Times>(Object.keys(commands).map((name) => [name, { wall: [], cpu: 0 }]));
for (let run = 0; run < RUNS; run++) {
  for (const [name, argv] of Object.entries(commands)) measure(argv, times.get(name));
}
print();

function measure(argv: readonly string[], into: Times | undefined): void {
  if (into === undefined) return;
  const [cpu, begun] = [childrenCpu(), performance.now()];
  spawnSync(process.execPath, argv, { stdio: 'ignore' });
  into.wall.push(performance.now() - begun);
  into.cpu += childrenCpu() - cpu;
}

/** Processor time of all children that have ended, milliseconds: cutime and cstime (proc(5), stat). */
function childrenCpu(): number {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[13]) + Number(fields[14])) * 1000) / TICKS;
}

function print(): void {
  const base = [...times.values()][0];
  const header = ['', 'min', 'median', 'max', 'times node', 'cpu', 'times node'];
  const rows = [...times].map(([name, one]) => {
    const wall = one.wall.toSorted((a, b) => a - b);
    const cpu = one.cpu / RUNS;
    const baseCpu = (base?.cpu ?? 0) / RUNS;
    const times = [at(wall, 0), at(wall, 0.5), at(wall, 1)].map((ms) => ms.toFixed(0));
    const ratio = at(wall, 0.5) / at(base?.wall.toSorted((a, b) => a - b) ?? [], 0.5);
    return [name, ...times, ratio.toFixed(2), cpu.toFixed(0), (cpu / baseCpu).toFixed(2)];
  });
  process.stdout.write(`start-up, milliseconds, ${RUNS.toString()} runs, Node ${process.version}\n`);
  for (const row of [header, ...rows]) process.stdout.write(`${row.map(cell).join('')}\n`);
}

function cell(text: string, index: number): string {
  return index === 0 ? text.padEnd(26) : text.padStart(12);
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.round((sorted.length - 1) * share)] ?? 0;
}
