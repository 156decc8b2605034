import { parseArgs } from 'node:util';
import { MUTANTS, SOUND } from './mutants.js';
import { type Outcome, plan, simulate } from './schedule.js';

/*
 * npm run simulate -- [--seed N] [--without 0,3] [--count N] [--mutant NAME]
 *
 * With a seed alone: its trace. With a count: schedules from that seed on, until one fails, which is cut to the faults that it
 * takes.
 */

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    count: { type: 'string' },
    without: { type: 'string' },
    mutant: { type: 'string' },
  },
});
const first = Number(values.seed ?? 1);
const mutant = MUTANTS.find(({ name }) => name === values.mutant) ?? SOUND;

if (values.count === undefined && values.seed !== undefined) {
  const left = values.without?.split(',').map(Number) ?? [];
  replay(first, new Set(left));
} else {
  many(first, Number(values.count ?? 10_000));
}

function replay(seed: number, without: ReadonlySet<number>): void {
  const outcome = simulate({ seed, trace: true, without, mutant });
  console.log(outcome.trace.join('\n'));
  console.log(`seed ${seed}: ${outcome.violation ?? 'everything held'}`);
  if (outcome.violation !== null) process.exitCode = 1;
}

function many(from: number, count: number): void {
  const began = performance.now();
  const totals = { checks: 0, failovers: 0 };
  const jobs = new Map<string, number>();
  const losses = new Map<string, number>();
  for (let seed = from; seed < from + count; seed++) {
    const outcome = simulate({ seed, mutant });
    if (outcome.violation !== null) {
      fail(outcome);
      return;
    }
    totals.checks += outcome.checks;
    for (const job of outcome.jobs) jobs.set(job, (jobs.get(job) ?? 0) + 1);
    for (const [kind, number] of outcome.losses) {
      totals.failovers += number;
      losses.set(kind, (losses.get(kind) ?? 0) + number);
    }
  }
  const seconds = (performance.now() - began) / 1000;
  const pace = Math.round((count / seconds) * 60);
  console.log(`seeds ${from} to ${from + count - 1} hold: ${seconds.toFixed(1)} s, ${pace} a minute`);
  console.log(`${totals.checks} checks, ${totals.failovers} failovers; losses stated and seen: ${words(losses)}`);
  console.log(`what people had to do: ${words(jobs)}`);
}

function words(counts: ReadonlyMap<string, number>): string {
  const sorted = [...counts].toSorted(([, a], [, b]) => b - a);
  return sorted.map(([name, count]) => `${name} ${count}`).join(', ') || 'nothing';
}

/** Leaves out every fault that it does not take, and shows the rest. */
function fail({ seed, violation }: Outcome): void {
  const without = new Set<number>();
  for (const index of plan(seed).faults.keys()) {
    without.add(index);
    if (simulate({ seed, without, mutant }).violation === null) without.delete(index);
  }
  replay(seed, without);
  const left = without.size === 0 ? '' : ` --without ${[...without].join(',')}`;
  console.log(`seed ${seed}: ${violation ?? ''}; again: npm run simulate -- --seed ${seed}${left}`);
}
