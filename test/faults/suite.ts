import { describe, expect, test } from 'vitest';
import { laboratoryProblem } from '../hosts/laboratory.js';
import { play } from './play.js';
import { keepResult } from './results.js';
import type { Scenario } from './scenario.js';

const problem = await laboratoryProblem();

/** Makes a test of each scenario. Where no hosts can be made, it says so; under CI that is a failure. */
export function playAll(title: string, scenarios: readonly Scenario[]): void {
  if (problem !== null && process.env['CI'] === 'true') {
    test(title, () => expect.fail(problem));
    return;
  }
  describe.skipIf(problem !== null)(problem === null ? title : `${title} (skipped: ${problem})`, () => {
    for (const scenario of scenarios) {
      test(`${scenario.name}: ${scenario.what}`, { timeout: 300_000 }, async () => {
        keepResult(await play(scenario));
      });
    }
  });
}
