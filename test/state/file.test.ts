import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { formatState } from '../../src/core/saved.js';
import { loadStateFile, previousPath, saveStateFile, whyUnwritable } from '../../src/state/file.js';
import { fullState } from '../core/saved-example.js';
import { waitFor } from '../pg/harness.js';
import { runChild } from './child.js';

const now = Date.parse('2026-03-01T12:00:00Z');
let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'handyrep-state-'));
  path = join(folder, 'servers.save');
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const load = (repair = true) => loadStateFile(path, { repair, now, cluster_name: 'app' });
const save = async (generation: number) => {
  expect(await saveStateFile(path, fullState({ generation }))).toEqual({ ok: true, value: undefined });
};
const generation = async (repair = true) => {
  const loaded = await load(repair);
  if (!loaded.ok) throw new Error(loaded.error.message);
  return loaded.value.state?.generation ?? null;
};

test('nothing saved is no state, and no warning', async () => {
  expect(await load()).toEqual({ ok: true, value: { state: null, warnings: [] } });
});

test('what is saved is loaded; it is private, its previous copy is kept, nothing else stays', async () => {
  await save(1);
  await save(2);
  expect(await load()).toEqual({ ok: true, value: { state: fullState({ generation: 2 }), warnings: [] } });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readFileSync(previousPath(path), 'utf8')).toBe(formatState(fullState({ generation: 1 })));
  expect(readdirSync(folder).sort()).toEqual(['servers.save', 'servers.save.prev']);
});

test.each([
  ['cut off', (whole: string) => whole.slice(0, 200)],
  ['empty', () => ''],
  ['zeroes', (whole: string) => '\0'.repeat(whole.length)],
  ['of another tool', () => '{"hello": 1}'],
])('a file that is %s is set aside, and the previous copy used', async (_, damage) => {
  await save(1);
  await save(2);
  const damaged = damage(readFileSync(path, 'utf8'));
  writeFileSync(path, damaged);
  // Without the lock nothing is touched.
  expect(await generation(false)).toBe(1);
  expect(readdirSync(folder)).toHaveLength(2);
  const loaded = await load();
  expect(loaded.ok && loaded.value.state?.generation).toBe(1);
  expect(loaded.ok && loaded.value.warnings.join()).toMatch(/damaged .* renamed to .* previous copy/);
  expect(readFileSync(`${path}.corrupt-20260301T120000Z`, 'utf8')).toBe(damaged);
  // Until the next writing, the previous copy stands in.
  expect(await generation()).toBe(1);
  await save(3);
  expect(await generation()).toBe(3);
});

test('a second damaged file does not replace the first', async () => {
  for (const text of ['first', 'second']) {
    writeFileSync(path, text);
    const loaded = await load();
    expect(loaded.ok && loaded.value.state).toBeNull();
  }
  expect(readFileSync(`${path}.corrupt-20260301T120000Z`, 'utf8')).toBe('first');
  expect(readFileSync(`${path}.corrupt-20260301T120000Z-1`, 'utf8')).toBe('second');
});

test.each([
  ['a later format', '{"format": 2}', 'future_format'],
  ['another cluster', formatState(fullState({ cluster_name: 'other' })), 'other_cluster'],
])('%s is refused and stays as it is', async (_, text, cause) => {
  await save(1);
  await save(2);
  writeFileSync(path, text);
  const loaded = await load();
  expect(loaded.ok ? null : loaded.error.cause).toBe(cause);
  expect(readFileSync(path, 'utf8')).toBe(text);
});

test('a file that cannot be read is a failure, not an empty state', async () => {
  mkdirSync(path);
  const loaded = await load();
  expect(loaded.ok ? null : loaded.error.cause).toBe('EISDIR');
});

test('a folder that is not there is a failure with its reason', async () => {
  const gone = join(folder, 'no', 'servers.save');
  const saved = await saveStateFile(gone, fullState());
  expect(saved.ok ? null : [saved.error.code, saved.error.cause]).toEqual(['state_unwritable', 'ENOENT']);
  expect(await whyUnwritable(gone)).toContain('cannot be written');
  expect(await whyUnwritable(path)).toBeNull();
});

test.skipIf(process.getuid?.() === 0)('a folder that is read-only is told', async () => {
  chmodSync(folder, 0o500);
  expect(await whyUnwritable(path)).toContain('cannot be written');
  chmodSync(folder, 0o700);
});

test('killed while it writes, again and again: the file is always whole', async () => {
  await save(1);
  for (let round = 0; round < 8; round++) {
    const writer = runChild('state-writer.ts', [path]);
    try {
      await writer.first;
      const moment = performance.now() + Math.random() * 60;
      // Read while it is being written, too.
      await waitFor(
        async () => {
          expect(await generation(false)).toBeGreaterThan(0);
          return performance.now() > moment;
        },
        { deadline: 10_000, what: 'the moment to kill', every: 1 },
      );
    } finally {
      writer.process.kill('SIGKILL');
    }
    expect(await writer.ended).toBe('SIGKILL');
    const loaded = await load();
    if (!loaded.ok) throw new Error(loaded.error.message);
    expect(loaded.value.warnings).toEqual([]);
    expect(loaded.value.state?.generation).toBeGreaterThan(0);
    expect(readdirSync(folder).filter((name) => name.includes('.tmp-'))).toEqual([]);
  }
}, 90_000);
