import { expect, test } from 'vitest';
import type { ServerObservation } from '../../src/core/observation.js';
import { type VigilLook, knownOf } from '../../src/core/vigil.js';
import { NOW, observation } from './build.js';

const PATIENCE = 3000;

/** A look that began so many milliseconds ago; without an answer kind it has none yet. */
function look(ago: number, kind?: ServerObservation['reach']['kind'], took = PATIENCE): VigilLook {
  const began = NOW - ago;
  return { began, seen: kind === undefined ? null : { ...observation('db1', kind), at: began, took } };
}

test.each<[string, readonly VigilLook[], number | null]>([
  ['nothing, where no look was made', [], null],
  ['nothing, while no look has had its time', [look(2900), look(100)], null],
  ['its silence, when a look has had its time and newer ones are under way', [look(3100, 'timeout'), look(200)], 3100],
  ['its silence also where the network says it cannot be reached', [look(3100, 'unreachable'), look(200)], 3100],
  [
    'the newest silence, of several',
    [look(3900, 'timeout'), look(3500, 'timeout'), look(3100, 'timeout'), look(200)],
    3100,
  ],
  ['its silence, when the newest look began just lately enough', [look(3900, 'timeout'), look(1000)], 3900],
  ['nothing, when nobody has asked lately', [look(3900, 'timeout'), look(1001)], null],
  ['its silence, when that look is just young enough', [look(4000, 'timeout'), look(200)], 4000],
  ['nothing, when that look is old', [look(4001, 'timeout'), look(200)], null],
  ['nothing, when a quick look has failed and none is under way', [look(600, 'timeout', 500)], null],
  ['its silence, when looks take as long as from one to the next', [look(600, 'timeout', 500), look(100)], 600],
  ['nothing, when they take less', [look(600, 'timeout', 499), look(100)], null],
  ['nothing, when the newest look has failed: the next is not under way yet', [look(3100, 'timeout')], null],
  ['nothing, when looks fail at once: a new one costs nothing', [look(600, 'refused', 3), look(100)], null],
  ['its answer, as soon as there is one', [look(3100, 'timeout'), look(700, 'starting', 4), look(200)], 700],
  ['its answer also when later looks failed', [look(3900, 'accepting', 4), look(3400, 'timeout'), look(200)], 3900],
])('of a server that is asked again and again is known: %s', (_, looks, ago) => {
  const known = knownOf(looks, NOW, PATIENCE);
  expect(known?.at ?? null).toBe(ago === null ? null : NOW - ago);
});
