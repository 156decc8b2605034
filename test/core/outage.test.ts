import { describe, expect, it, test } from 'vitest';
import { decide } from '../../src/core/decide.js';
import type { HistoryEntry, JournalledStep, StepKind, StepState } from '../../src/core/model.js';
import { type Outage, expectedOutage } from '../../src/core/outage.js';
import { furthestAhead } from '../../src/core/select.js';
import { type Change, NOW, crashed, hostLost, iso, policy, situation } from './build.js';

const BOUNDS = { look: 100, host: 300, failover: 10_000, restart: 20_000 };
/** Checks every 5 s, three retries a second apart. */
const CHECKS = policy({ poll_interval: 5000, fail_retries: 3, fail_retry_interval: 1000 });

function outage(changes: readonly Change[], history: readonly HistoryEntry[] = [], bounds = BOUNDS): Outage | null {
  const s = situation(CHECKS, ...changes);
  return expectedOutage(decide(s, furthestAhead), s.policy, bounds, history);
}

function step(kind: 'prove_writes' | 'move_connections' | 'remaster', took: number, state: StepState): JournalledStep {
  const step =
    kind === 'prove_writes'
      ? { kind }
      : kind === 'remaster'
        ? { kind, servers: [] }
        : { kind, method: 'multi_pgbouncer' };
  return { step, state, begun: iso(NOW), ended: state === 'begun' ? null : iso(NOW + took), note: null };
}

/** A failover whose steps were done so many milliseconds after it began. */
function past(
  took: Partial<Record<'prove_writes' | 'move_connections' | 'remaster', number>>,
  more: Partial<HistoryEntry> = {},
): HistoryEntry {
  const steps = Object.entries(took).map(([kind, ms]) => step(kind as keyof typeof took & StepKind, ms, 'done'));
  return {
    id: 'x',
    kind: 'failover',
    automatic: true,
    begun: iso(NOW),
    ended: iso(NOW + 60_000),
    result: 'SUCCESS',
    details: '',
    old_master: 'db1',
    new_master: 'db2',
    evidence: [],
    loss: null,
    steps,
    ...more,
  };
}

describe('how long nobody will take writes', () => {
  it.each<[when: string, changes: readonly Change[], expected: Partial<Outage> | null]>([
    ['nothing is done', [], null],
    ['a look alone', [hostLost, policy({ auto_failover: false })], null],
    ['a crash is proved by one look', [crashed], { noticed: 5000, believed: 400, acted: 10_000, at_most: 15_400 }],
    [
      'a lost host only after the retries',
      [hostLost],
      { noticed: 5000, believed: 3400, acted: 10_000, at_most: 18_400 },
    ],
    [
      'the old master is started again',
      [crashed, policy({ restart_master: true })],
      { noticed: 5000, believed: 400, acted: 20_000, at_most: 25_400 },
    ],
  ])('%s', (_, changes, expected) => {
    const found = outage(changes);
    if (expected === null) expect(found).toBeNull();
    else expect(found).toEqual({ ...expected, measured: null });
  });

  it('servers that answer more slowly than hosts', () => {
    expect(outage([crashed], [], { ...BOUNDS, look: 500 })?.believed).toBe(1000);
  });
});

describe('what past failovers took', () => {
  it.each<[what: string, history: readonly HistoryEntry[], measured: Outage['measured']]>([
    [
      'until writes were proved',
      [past({ prove_writes: 900, remaster: 9000 })],
      { failovers: 1, median: 900, longest: 900 },
    ],
    [
      'until clients were moved',
      [past({ prove_writes: 900, move_connections: 1500 })],
      { failovers: 1, median: 1500, longest: 1500 },
    ],
    [
      'of several, in whatever order',
      [past({ prove_writes: 3000 }), past({ prove_writes: 1000 }), past({ prove_writes: 2000 })],
      { failovers: 3, median: 2000, longest: 3000 },
    ],
    ['not one without steps', [past({})], null],
    ['not what failed', [past({ prove_writes: 900 }, { result: 'FAIL' })], null],
    ['nor a switchover', [past({ prove_writes: 900 }, { kind: 'switchover' })], null],
    ['nor one whose writes were not proved', [past({}, { steps: [step('prove_writes', 900, 'failed')] })], null],
    ['nor one that was broken off in it', [past({}, { steps: [step('prove_writes', 900, 'begun')] })], null],
    ['a clock that went back took no time', [past({ prove_writes: -900 })], { failovers: 1, median: 0, longest: 0 }],
  ])('%s', (_, history, measured) => {
    expect(outage([crashed], history)?.measured).toEqual(measured);
  });
});

test('what failovers took says nothing of a start of the old master', () => {
  expect(outage([crashed, policy({ restart_master: true })], [past({ prove_writes: 900 })])?.measured).toBeNull();
});
