import { describe, expect, it, test } from 'vitest';
import { MUTANTS } from './mutants.js';
import { simulate } from './schedule.js';

/*
 * A few thousand schedules of faults, always the same. `npm run simulate` makes more, replays one by its seed and cuts it to the
 * faults that it takes.
 */

const SEEDS = 3000;
/** The most seeds that it takes to find a planted fault. */
const ENOUGH = 12_000;
/** Where to begin with one that shows itself rarely. */
const FIRST: Readonly<Record<string, number>> = { 'repeats blindly': 60_000 };

describe('the simulation', () => {
  it('holds whatever happens', () => {
    const failed: Record<number, string> = {};
    const seen = new Map<string, number>();
    let checks = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const outcome = simulate({ seed });
      checks += outcome.checks;
      if (outcome.violation !== null) failed[seed] = outcome.violation;
      for (const [kind, count] of outcome.losses) seen.set(kind, (seen.get(kind) ?? 0) + count);
    }
    console.log(`${SEEDS} schedules, ${checks} checks, failovers by stated loss: ${JSON.stringify([...seen])}`);
    expect(failed).toEqual({});
    // It is no proof of anything where nothing happens.
    expect([...seen.keys()].toSorted()).toEqual(['bounded', 'none', 'unknown']);
  });

  it('is the same for the same seed', () => {
    const [one, again] = [simulate({ seed: 17, trace: true }), simulate({ seed: 17, trace: true })];
    expect(one.trace.length).toBeGreaterThan(5);
    expect(again).toEqual(one);
  });

  test.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))('finds one that %s', (_, mutant) => {
    let found: string | null = null;
    const first = FIRST[mutant.name] ?? 1;
    for (let seed = first; seed < first + ENOUGH && found === null; seed++) {
      found = simulate({ seed, mutant }).violation;
    }
    console.log(`${mutant.name}: ${found ?? 'not found'}`);
    expect(found).not.toBeNull();
  });
});
