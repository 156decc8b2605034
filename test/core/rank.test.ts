import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { Fitness } from '../../src/core/eligibility.js';
import { type Select, rank } from '../../src/core/rank.js';
import { byPriority, furthestAhead } from '../../src/core/select.js';
import { lsn } from './build.js';

function fit(server: string, position: number, priority = 1, lag_limit = 100): Fitness {
  const candidate = { server, lsn: lsn(position), timeline: 1 };
  return { server, candidate, failover_priority: priority, lag_limit, unfit: [] };
}

const on = (timeline: number, one: Fitness): Fitness => ({
  ...one,
  candidate: one.candidate === null ? null : { ...one.candidate, timeline },
});
const unfit: Fitness = { ...fit('unfit', 9999), candidate: null };
const order = (fitness: readonly Fitness[], select: Select): readonly string[] =>
  rank(fitness, select).map((one) => one.server);

describe('the order of candidates', () => {
  it.each<[string, readonly Fitness[], Select, readonly string[]]>([
    ['nobody', [], furthestAhead, []],
    ['nobody fit', [unfit], furthestAhead, []],
    ['most WAL first', [fit('a', 10), fit('b', 30), fit('c', 20)], furthestAhead, ['b', 'c', 'a']],
    ['priority among equals', [fit('a', 10, 3), fit('b', 10, 1), fit('c', 10, 2)], furthestAhead, ['b', 'c', 'a']],
    ['the name among equals', [fit('c', 10), fit('a', 10), fit('b', 10)], furthestAhead, ['a', 'b', 'c']],
    ['most WAL before priority', [fit('a', 10, 1), fit('b', 11, 9)], furthestAhead, ['b', 'a']],
    ['priority first', [fit('a', 30, 3), fit('b', 20, 1), fit('c', 10, 2)], byPriority, ['b', 'c', 'a']],
    ['most WAL among equal priorities', [fit('a', 10), fit('b', 20)], byPriority, ['b', 'a']],
    ['beyond its lag_limit goes last', [fit('a', 1000, 2), fit('b', 899, 1)], byPriority, ['a', 'b']],
    ['at its lag_limit does not', [fit('a', 1000, 2), fit('b', 900, 1)], byPriority, ['b', 'a']],
    [
      'each has its own lag_limit',
      [fit('a', 1000), fit('b', 900, 1, 50), fit('c', 800, 1, 200)],
      furthestAhead,
      ['a', 'c', 'b'],
    ],
    [
      'an older timeline goes after a newer one, whatever the priority',
      [on(1, fit('a', 10, 1)), on(2, fit('b', 10, 9)), on(2, fit('c', 5, 8))],
      byPriority,
      ['c', 'b', 'a'],
    ],
    ['somebody is left out', [fit('a', 10), fit('b', 20)], () => ['a'], ['a']],
    ['strangers and repetitions are ignored', [fit('a', 10), fit('b', 20)], () => ['x', 'a', 'a', 'b'], ['a', 'b']],
    ['the unfit are not shown', [fit('a', 10), unfit], (all) => all.map((one) => one.server), ['a']],
    [
      'never promoted sorts last',
      [{ ...fit('a', 10), failover_priority: null }, fit('b', 10, 999)],
      byPriority,
      ['b', 'a'],
    ],
  ])('%s', (_, fitness, select, expected) => {
    expect(order(fitness, select)).toEqual(expected);
  });
});

const anyFitness = fc
  .array(
    fc.record({ at: fc.integer({ min: 0, max: 300 }), limit: fc.integer({ min: 0, max: 300 }), priority: fc.nat(3) }),
    { minLength: 1, maxLength: 6 },
  )
  .map((all) => all.map(({ at, limit, priority }, index) => fit(`db${index}`, at, priority, limit)));
const anySelect = fc.constantFrom<Select>(furthestAhead, byPriority, (all) => all.map((one) => one.server).reverse());

describe('whatever the replicas are', () => {
  const behind = (fitness: readonly Fitness[], server: string): { lag: number; within: boolean } => {
    const furthest = Math.max(...fitness.map((one) => Number(one.candidate?.lsn ?? 0n)));
    const one = fitness.find((other) => other.server === server);
    const lag = furthest - Number(one?.candidate?.lsn ?? 0n);
    return { lag, within: lag <= (one?.lag_limit ?? 0) };
  };
  const pairs = (names: readonly string[]): readonly (readonly [string, string])[] =>
    names.slice(1).map((name, index) => [names[index] ?? '', name]);

  test('less WAL never comes first, unless lag_limit says so', () => {
    fc.assert(
      fc.property(anyFitness, (fitness) => {
        const names = order(fitness, furthestAhead);
        expect(behind(fitness, names[0] ?? '').lag).toBe(0);
        for (const [a, b] of pairs(names).map(([x, y]) => [behind(fitness, x), behind(fitness, y)] as const)) {
          if (a.within === b.within) expect(a.lag).toBeLessThanOrEqual(b.lag);
        }
      }),
    );
  });

  test('one beyond its lag_limit is never before one within, whatever the method', () => {
    fc.assert(
      fc.property(anyFitness, anySelect, (fitness, select) => {
        for (const [a, b] of pairs(order(fitness, select))) {
          expect(behind(fitness, a).within || !behind(fitness, b).within).toBe(true);
        }
      }),
    );
  });

  test('nobody is lost, and the order does not depend on the order of asking', () => {
    fc.assert(
      fc.property(anyFitness, fc.constantFrom(furthestAhead, byPriority), (fitness, select) => {
        const names = order(fitness, select);
        expect([...names].sort()).toEqual(fitness.map((one) => one.server).sort());
        expect(order(fitness.toReversed(), select)).toEqual(names);
      }),
    );
  });
});
