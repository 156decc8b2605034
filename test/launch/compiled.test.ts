import { Script } from 'node:vm';
import { expect, test } from 'vitest';
import type { PrivateCache } from '../../src/io/private-cache.js';
import { improves, readCompiled, writeCompiled } from '../../src/launch/compiled.js';

test.each([
  ['the same again', { ran: ['a'], well: true }, { ran: ['a', 'b'], well: true }, false],
  ['another chunk ran', { ran: ['a', 'c'], well: true }, { ran: ['a', 'b'], well: true }, true],
  ['the first that did its work', { ran: ['a'], well: true }, { ran: ['a', 'b'], well: false }, true],
  ['a failure after a success', { ran: ['a'], well: false }, { ran: ['a', 'b'], well: true }, false],
  ['a failure after a failure', { ran: ['a'], well: false }, { ran: ['a'], well: false }, false],
])('%s', (_what, run, kept, answer) => {
  expect(improves(run, kept)).toBe(answer);
});

const SOURCE = '({ late() { return 17; } })';

test('what was kept is code that V8 takes, and what every run reached is on record', () => {
  const files = new Map<string, Buffer>();
  const cache: PrivateCache = { read: (name) => files.get(name), write: (name, data) => void files.set(name, data) };
  expect(readCompiled(cache, 'pack-status', 'pack.js of today')).toBeNull();
  const known = { ran: ['pack/a.js'], well: true };
  writeCompiled(cache, 'pack-status', {
    source: 'pack.js of today',
    script: new Script(SOURCE),
    ran: ['pack/b.js'],
    well: false,
    known,
  });
  expect(readCompiled(cache, 'pack-status', 'pack.js of tomorrow')).toBeNull();
  const kept = readCompiled(cache, 'pack-status', 'pack.js of today');
  expect(kept).toMatchObject({ ran: ['pack/a.js', 'pack/b.js'], well: true });
  expect(new Script(SOURCE, { cachedData: kept?.code ?? Buffer.alloc(0) }).cachedDataRejected).toBe(false);
});
