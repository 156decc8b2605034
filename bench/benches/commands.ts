import { RUNS } from '../counts.js';
import { withCluster } from '../clusters.js';
import type { Figure, Findings } from '../figures.js';
import { BIN, type Cost, type Scales, handyrep, openScales } from '../measure.js';

/** What is measured, and how many times the processor time of `node -e 0` it may take. */
const COMMANDS: readonly { readonly line: string; readonly at_most?: number }[] = [
  { line: '--version', at_most: 1.25 },
  { line: '--help', at_most: 1.25 },
  { line: 'status', at_most: 1.25 },
  { line: 'status -v' },
  { line: 'status --json' },
  { line: 'log-tail', at_most: 1.25 },
  { line: 'history' },
  { line: 'server list' },
  { line: 'server show db1' },
  { line: 'explain' },
  { line: 'explain --rules' },
  { line: 'config check' },
  { line: 'config show' },
  { line: 'cron' },
  { line: 'completion bash' },
  { line: 'doctor --timings' },
  { line: 'init --print-sql' },
  { line: 'poll', at_most: 2 },
  { line: 'verify' },
  { line: 'failover-check' },
  { line: 'failover-check --dry-run' },
  { line: 'failover --dry-run' },
  { line: 'drill' },
  { line: 'doctor' },
  { line: 'adopt --dry-run' },
  { line: 'pause' },
  { line: 'resume' },
  { line: 'ack' },
  { line: 'server disable db3' },
  { line: 'server enable db3' },
  { line: 'remaster db3' },
  { line: 'restart db3' },
];
const NODE = 'node -e 0';

/** Each command in turn, so often as there are runs, beside Node itself. */
export async function commands(): Promise<Findings> {
  return withCluster({}, async (_cluster, config) => {
    const scales = await openScales();
    try {
      // An operation for the history, and all that is compiled for the first time.
      await handyrep(config, 'verify');
      await handyrep(config, '--yes', 'failover', '--to', 'db2');
      const costs = await measureAll(scales, config);
      return {
        figures: ['cpu' as const, 'wall' as const, 'memory' as const].flatMap((what) => figuresOf(costs, what)),
      };
    } finally {
      await scales.remove();
    }
  });
}

type Costs = ReadonlyMap<string, Cost[]>;

async function measureAll(scales: Scales, config: string): Promise<Costs> {
  const argvs = new Map<string, readonly string[]>([
    [NODE, ['-e', '0']],
    ...COMMANDS.map(({ line }) => [line, [BIN, '-c', config, '--yes', ...line.split(' ')]] as const),
  ]);
  const costs = new Map<string, Cost[]>([...argvs.keys()].map((name) => [name, []]));
  for (const argv of argvs.values()) await scales.weigh(argv);
  for (let run = 0; run < RUNS; run++) {
    for (const [name, argv] of argvs) costs.get(name)?.push(await scales.weigh(argv));
  }
  return costs;
}

const SHOWN = {
  cpu: { words: 'processor', unit: 'ms' },
  wall: { words: 'wall clock', unit: 'ms' },
  memory: { words: 'memory', unit: 'MB' },
} as const;

function figuresOf(costs: Costs, what: keyof Cost): readonly Figure[] {
  const { words, unit } = SHOWN[what];
  const aims = new Map(COMMANDS.map(({ line, at_most }) => [line, at_most]));
  return [...costs].map(([name, all]): Figure => {
    const at_most = what === 'cpu' ? aims.get(name) : undefined;
    return {
      name: `${words} of \`${name}\``,
      unit,
      values: all.map((one) => one[what]),
      ...(name === NODE ? {} : { against: `${words} of \`${NODE}\`` }),
      ...(at_most === undefined ? {} : { aim: { of: 'ratio', at_most } }),
    };
  });
}
