import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { decide } from '../../src/core/decide.js';
import { type EvidenceEntry, evidenceEntry } from '../../src/core/evidence.js';
import { furthestAhead } from '../../src/core/select.js';
import type { Situation } from '../../src/core/situation.js';
import { verdictOf } from '../../src/core/verdict.js';
import { type EvidenceOptions, EVIDENCE_BOUNDS, evidencePaths, openEvidence } from '../../src/report/evidence.js';
import { formatLine, parseEvidence } from '../../src/report/evidence-line.js';
import { type NumberedLine, findEvidence, parseRun, readEvidenceFile } from '../../src/report/evidence-reader.js';
import { rotate } from '../../src/report/rotate.js';
import { redactor } from '../../src/report/redact.js';
import {
  NOW,
  QUIET,
  SYSTEM,
  calm,
  iso,
  answers,
  asReplica,
  crashed,
  def,
  lost,
  HOSTS,
  lsn,
  policy,
  situation,
  state,
  where,
} from '../core/build.js';
import { runChild } from '../state/child.js';

let folder: string;
let warnings: string[];
const paths = (): { journal: string; repeats: string } => ({
  journal: join(folder, 'handyrep.evidence.jsonl'),
  repeats: join(folder, 'handyrep.evidence.repeats.jsonl'),
});

const ours = (): { paths: ReturnType<typeof paths>; cluster: string } => ({ paths: paths(), cluster: 'app' });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'handyrep-evidence-'));
  warnings = [];
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function record(situations: readonly Situation[], more: Partial<EvidenceOptions> = {}): Promise<void> {
  const evidence = openEvidence({
    paths: paths(),
    run: '3f2a91bc',
    selection_method: 'select_replica_furthest_ahead',
    redact: (text) => text,
    onWarning: (message) => warnings.push(message),
    ...more,
  });
  for (const s of situations) evidence.record('failover-check', s, decide(s, furthestAhead));
  await evidence.settled();
}

const linesOf = (path: string): readonly string[] =>
  existsSync(path)
    ? readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    : [];
const counts = (): readonly number[] => [linesOf(paths().journal).length, linesOf(paths().repeats).length];
const calmAt = (now: number): Situation => situation(where({ now }));
const off = policy({ auto_failover: false });

function entryOf(s: Situation): EvidenceEntry {
  const head = {
    run: '3f2a91bc',
    seq: 1,
    command: 'failover-check',
    selection_method: 'select_replica_furthest_ahead',
  };
  return evidenceEntry(head, s, verdictOf(decide(s, furthestAhead)));
}

function lineOf(s: Situation, packed = false): string {
  return formatLine(entryOf(s), { redact: (text) => text, packed });
}

describe('a line', () => {
  test.each([
    ['plain', false],
    ['packed', true],
  ])('%s, is read as it was written, and decides the same', (_how, packed) => {
    const s = situation(crashed, answers('db3', 'refused'));
    const read = parseEvidence(lineOf(s, packed));
    expect(read).toEqual({ ok: true, value: entryOf(s) });
    if (!read.ok) return;
    expect(verdictOf(decide(read.value.situation, furthestAhead))).toEqual(read.value.verdict);
    expect(read.value.situation.servers['db2']?.facts?.lsn).toBe(lsn(0x5000000));
  });

  test('keeps the heartbeat that narrows a loss; a damaged one is refused', () => {
    const heartbeat = { server: 'db1', at: NOW - 400, timeline: 1, lsn: lsn(0x5001000), system_identifier: SYSTEM };
    const s = situation(crashed, where({ heartbeat }));
    const read = parseEvidence(lineOf(s));
    expect(read).toEqual({ ok: true, value: entryOf(s) });
    expect(read.ok && verdictOf(decide(read.value.situation, furthestAhead)).loss).toContain('4096 bytes');
    const value = JSON.parse(lineOf(s)) as Record<string, unknown>;
    const damaged = parseEvidence(JSON.stringify(within(value, ['situation', 'heartbeat', 'timeline'], 'one')));
    expect(damaged.ok ? null : damaged.error.message).toContain('situation.heartbeat.timeline is not a whole number');
  });

  test('keeps what decides, and neither the past nor other settings', () => {
    const s = situation(crashed);
    const more = { ...s, policy: { ...s.policy, selection_method: 'x' }, state: { ...s.state, history: [{}] } };
    const { situation: kept } = JSON.parse(lineOf(more as unknown as Situation)) as EvidenceEntry;
    expect(kept.state.history).toEqual([]);
    expect(Object.keys(kept.policy).sort()).toEqual(Object.keys(s.policy).sort());
  });

  test('of format 1 stays readable', async () => {
    const lines: NumberedLine[] = [];
    for await (const line of readEvidenceFile(join(import.meta.dirname, 'evidence-format-1.jsonl'))) lines.push(line);
    expect(lines.map(({ number, read }) => [number, read.ok])).toEqual([
      [1, true],
      [2, true],
    ]);
    for (const { read: line } of lines) {
      if (line.ok) expect(verdictOf(decide(line.value.situation, furthestAhead))).toEqual(line.value.verdict);
    }
  });

  test.each<[string, (value: Record<string, unknown>) => unknown, string]>([
    ['of a later format', (value) => ({ ...value, format: 2 }), 'it has format 2, and this HandyRep reads up to 1'],
    ['without a situation', (value) => ({ ...value, situation: null }), 'situation is not an object'],
    ['of a foreign kind', (value) => ({ ...value, format: 'x' }), 'format is not one of 1'],
    [
      'with a server that answers in an unknown way',
      (value) => within(value, ['situation', 'servers', 'db2', 'reach', 'kind'], 'dreaming'),
      'situation.servers.db2.reach.kind is not one of accepting',
    ],
    [
      'with a damaged position',
      (value) => within(value, ['situation', 'servers', 'db2', 'facts', 'lsn'], 'xyz'),
      'lsn is not a WAL position: "xyz"',
    ],
    [
      'with a limit that is none',
      (value) => within(value, ['situation', 'policy', 'max_data_loss'], 'much'),
      'situation.policy.max_data_loss is not an object',
    ],
    ['that is a list', () => [], 'it is not an object'],
    ['with a torn package', (value) => ({ ...value, packed: 'AAAA' }), 'packed cannot be unpacked: it is damaged'],
  ])('%s is refused with the place', (_what, change, message) => {
    const value = JSON.parse(lineOf(situation(crashed))) as Record<string, unknown>;
    const read = parseEvidence(JSON.stringify(change(value)));
    expect(read.ok ? null : read.error.message).toContain(message);
  });

  test('torn anywhere is refused, never a crash', () => {
    const [plain, packed] = [lineOf(situation(crashed)), lineOf(situation(crashed), true)];
    fc.assert(
      fc.property(fc.boolean(), fc.double({ min: 0, max: 0.9999, noNaN: true }), (which, where) => {
        const line = which ? plain : packed;
        expect(parseEvidence(line.slice(0, Math.floor(line.length * where))).ok).toBe(false);
      }),
    );
  });

  test('holds no secret, whatever carries it; a secret that is one of our own words leaves it readable', () => {
    const secret = `pa'ss"w\\ord`;
    const s = situation(crashed, answers('db3', 'rejected'), (before) => ({
      ...before,
      active: { active: true, detail: `key ${secret}` },
      servers: Object.fromEntries(
        Object.entries(before.servers).map(([name, seen]) => [
          name,
          { ...seen, reach: { ...seen.reach, detail: `FATAL: password=${secret} refused` } },
        ]),
      ),
    }));
    const redact = redactor([secret, 'refused', 'replica']);
    for (const packed of [false, true]) {
      const line = formatLine(entryOf(s), { redact, packed });
      const read = parseEvidence(line);
      expect(read.ok).toBe(true);
      const text = read.ok
        ? JSON.stringify(read.value, (_key, inner: unknown) => (typeof inner === 'bigint' ? '' : inner))
        : '';
      for (const form of [secret, JSON.stringify(secret).slice(1, -1)]) {
        expect(line).not.toContain(form);
        expect(text).not.toContain(form);
      }
      expect(text).toContain('********');
      if (read.ok) expect(decide(read.value.situation, furthestAhead).action.kind).toBe('fail_over');
    }
  });
});

function within(value: unknown, [key, ...rest]: readonly string[], to: unknown): unknown {
  if (key === undefined) return to;
  const object = value as Record<string, unknown>;
  return { ...object, [key]: within(object[key], rest, to) };
}

describe('the journal', () => {
  test('every decision is kept: changes and acts in the journal, the same again among the repeats', async () => {
    const quiet = Array.from({ length: 5 }, (_, n) => calmAt(NOW + n * 5000));
    await record([
      ...quiet,
      situation(crashed, off),
      situation(crashed, off),
      situation(crashed),
      situation(crashed),
      calmAt(NOW),
    ]);
    // calm, held back, two acts, calm again.
    expect(counts()).toEqual([5, 5]);
    const found = await findEvidence(ours(), { kind: 'run', prefix: '3f2a', seq: null });
    expect(found.ok && found.value.entries.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(found.ok && found.value.entry.seq).toBe(9);
    expect(warnings).toEqual([]);
  });

  test('of what goes on unchanged the journal gets one an hour, packed', async () => {
    await record([calmAt(NOW), calmAt(NOW + 3_599_000), calmAt(NOW + 3_600_000), calmAt(NOW + 3_700_000)]);
    expect(counts()).toEqual([2, 2]);
    expect(linesOf(paths().journal).map((line) => line.includes('"packed"'))).toEqual([false, true]);
  });

  test('other positions and times are a repeat, another answer is none', async () => {
    await record([
      situation(),
      situation(asReplica('db2', { lsn: lsn(0x6000000) })),
      situation(answers('db2', 'refused')),
    ]);
    expect(counts()).toEqual([1, 2]);
    await record([situation(crashed, off), situation(lost(HOSTS.frozen), off)]);
    expect(counts()).toEqual([3, 2]);
  });

  test('nobody but its owner and group may read it', async () => {
    await record([calmAt(NOW), calmAt(NOW + 1)]);
    for (const path of Object.values(paths())) expect(statSync(path).mode & 0o137).toBe(0);
  });

  test('recording returns before anything is written', async () => {
    const evidence = openEvidence({
      paths: paths(),
      run: '3f2a91bc',
      selection_method: 'x',
      redact: (text) => text,
      onWarning: (message) => warnings.push(message),
    });
    const s = situation(crashed);
    evidence.record('failover-check', s, decide(s, furthestAhead));
    expect(existsSync(paths().journal)).toBe(false);
    await evidence.settled();
    expect(counts()).toEqual([1, 0]);
  });

  test.each<[string, () => unknown]>([
    ['a folder in its place', () => mkdirSync(paths().journal, { mode: 0o700 })],
    ['no folder for it', () => rmSync(folder, { recursive: true })],
  ])('%s is one warning, and nothing else', async (_what, prepare) => {
    prepare();
    await record([situation(crashed), situation(crashed), situation(crashed)]);
    expect(warnings).toEqual([expect.stringContaining('the evidence journal cannot be written')]);
  });

  test('a disk that hangs is waited for no longer than told, warned of once, and not written to again until it answers', async () => {
    const writes: string[] = [];
    const answers: (() => void)[] = [];
    const hang: Partial<EvidenceOptions> = {
      patience: 50,
      append: (_path, line) => {
        writes.push(line);
        return new Promise<void>((resolve) => answers.push(resolve));
      },
    };
    await record([situation(crashed)], hang);
    expect(warnings).toEqual([expect.stringContaining('takes longer than 50 ms')]);
    await record([situation(crashed), situation(crashed)], hang);
    expect(warnings.slice(1)).toEqual([expect.stringContaining('an earlier write to')]);
    expect(writes.length).toBe(1);
    for (const answer of answers) answer();
    await record([]);
    await record([situation(crashed)]);
    expect(counts()).toEqual([1, 0]);
    expect(warnings.length).toBe(2);
  });

  test('what another run has just rotated is not rotated again', () => {
    writeFileSync(paths().journal, 'new\n');
    rotate({ path: paths().journal, keep: 3, isDue: () => false });
    expect(readdirSync(folder)).toEqual(['handyrep.evidence.jsonl']);
  });

  test('a line that was cut short spoils no other', async () => {
    await record([situation(crashed)]);
    appendFileSync(paths().journal, '{"ts":"2026-03-01T12:00:00.000Z","format":1,"run":"3f2a91bc","se');
    await record([situation(crashed, off)], { run: '00000001' });
    const found = await findEvidence(ours(), { kind: 'run', prefix: '3f2a', seq: null });
    expect(found).toMatchObject({ ok: true, value: { entry: { run: '3f2a91bc' } } });
    expect(found.ok && found.value.skipped).toEqual([expect.stringContaining('was skipped: it is not JSON')]);
    expect(await findEvidence(ours(), { kind: 'newest' })).toMatchObject({
      ok: true,
      value: { entry: { run: '00000001' } },
    });
  });

  test('a last line that nobody can read is followed by a whole one', async () => {
    writeFileSync(paths().journal, '{"verdict":7}\n');
    await record([calmAt(NOW)]);
    expect(counts()).toEqual([2, 0]);
    expect(warnings).toEqual([]);
  });

  test('it is bounded by size', async () => {
    const small = { max_size: 10_000, keep: 2, max_age: EVIDENCE_BOUNDS.journal.max_age };
    for (let n = 0; n < 12; n++) {
      await record([situation(crashed), calmAt(NOW), calmAt(NOW), calmAt(NOW)], {
        bounds: { journal: small, repeats: small },
      });
    }
    const files = readdirSync(folder);
    expect(files.sort()).toEqual(
      ['handyrep.evidence.jsonl', 'handyrep.evidence.repeats.jsonl']
        .flatMap((name) => [name, `${name}.1`, `${name}.2`])
        .sort(),
    );
    for (const file of files) expect(statSync(join(folder, file)).size).toBeLessThan(20_000);
  });

  test('it is bounded by age: a file older than that is begun anew, and the oldest dropped', async () => {
    const young = { ...EVIDENCE_BOUNDS.journal, keep: 1, max_age: 1000 };
    for (const now of [NOW, NOW + 500, NOW + 2000, NOW + 4000]) {
      await record([situation(crashed, where({ now }))], { bounds: { journal: young, repeats: young } });
    }
    const times = (path: string): readonly unknown[] =>
      linesOf(path).map((line) => (JSON.parse(line) as EvidenceEntry).ts);
    expect(times(paths().journal)).toEqual([new Date(NOW + 4000).toISOString()]);
    expect(times(`${paths().journal}.1`)).toEqual([new Date(NOW + 2000).toISOString()]);
  });

  test('runs side by side tear no line and lose none, over rotations', async () => {
    const { journal, repeats } = paths();
    const children = ['aaaa', 'bbbb', 'cccc'].map((run) =>
      runChild('../report/evidence-writer.ts', [journal, repeats, '40', run]),
    );
    expect(await Promise.all(children.map((child) => child.ended))).toEqual([0, 0, 0]);
    const runs = readdirSync(folder).flatMap((file) =>
      linesOf(join(folder, file)).map((line) => {
        const read = parseEvidence(line);
        return read.ok ? read.value.run : `unreadable: ${line.slice(0, 80)}`;
      }),
    );
    expect(runs.length).toBe(120);
    expect(new Set(runs).size).toBe(120);
    expect(runs.filter((run) => run.startsWith('unreadable'))).toEqual([]);
    const rotated = readdirSync(folder).filter((file) => /\.\d+$/.test(file));
    expect(rotated.length).toBeGreaterThan(0);
    // A file is begun anew once, when it is full, though several found it so.
    for (const file of rotated) expect([file, statSync(join(folder, file)).size >= 200_000]).toEqual([file, true]);
  }, 120_000);

  test.each([
    [3, 2_500],
    [50, 15_000],
  ])('a calm round of %i servers takes at most %i bytes', async (count, bound) => {
    const names = Array.from({ length: count - 3 }, (_, index) => `db${(index + 4).toString()}`);
    const jitter = (seed: number): Situation => {
      const now = NOW + seed * 5000;
      return names.concat('db2', 'db3').reduce((last, name, index) => {
        // Whatever is different in every round: positions and times, of every server, now and saved.
        const any = (most: number): number =>
          Math.abs(Math.round(Math.sin(seed * 7919 + index * 104_729) * 1e9)) % most;
        const at = lsn(0x5000000 + any(1 << 24));
        const facts = { lsn: at, receive_lsn: at, replay_lsn: lsn(0x5000000 + any(1 << 23)), replay_age_ms: any(5000) };
        const receiver = { ...QUIET, receipt_age_ms: any(30_000) };
        const seen = asReplica(name, { ...facts, receiver })(def(name, {})(last));
        const server = seen.servers[name];
        if (server === undefined) throw new Error(name);
        const calmer = calm(name, { at: iso(now - 5000), lsn: lsn(0x5000000 + any(1 << 22)) })(seen);
        return { ...calmer, servers: { ...seen.servers, [name]: { ...server, at: now + any(50), took: any(300) } } };
      }, calmAt(now));
    };
    await record(Array.from({ length: 21 }, (_, seed) => jitter(seed)));
    expect(counts()).toEqual([1, 20]);
    const bytes = statSync(paths().repeats).size / 20;
    console.log(
      `${count.toString()} servers: ${bytes.toFixed(0)} bytes a repeat, ${statSync(paths().journal).size.toString()} bytes plain`,
    );
    expect(bytes).toBeLessThan(bound);
  });
});

describe('where it is', () => {
  test.each([
    ['/var/log/handyrep.log', '/var/log/handyrep.evidence.jsonl', '/var/log/handyrep.evidence.repeats.jsonl'],
    ['/srv/app/log', '/srv/app/log.evidence.jsonl', '/srv/app/log.evidence.repeats.jsonl'],
  ])('of %s', (log, journal, repeats) => {
    expect(evidencePaths(log)).toEqual({ journal, repeats });
  });

  test('nowhere for a log that is a device', async () => {
    expect(evidencePaths('/dev/null')).toBeNull();
    await record([situation(crashed)], { paths: null });
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('finding a decision', () => {
  test('the newest of both files, the last failover, a run by its beginning, one of its decisions', async () => {
    await record([situation(crashed)], { run: 'aaaa0001' });
    await record([calmAt(NOW + 1000)], { run: 'aaaa0002' });
    await record([calmAt(NOW + 2000)], { run: 'bbbb0003' });
    const run = async (text: string): Promise<unknown> => {
      const wanted = parseRun(text);
      if (wanted === null) return 'no id';
      const found = await findEvidence(ours(), wanted);
      return found.ok ? found.value.entry.run : found.error.message;
    };
    expect(await findEvidence(ours(), { kind: 'newest' })).toMatchObject({ value: { entry: { run: 'bbbb0003' } } });
    expect(await findEvidence(ours(), { kind: 'last_failover' })).toMatchObject({
      value: { entry: { run: 'aaaa0001' } },
    });
    expect(await run('bbbb')).toBe('bbbb0003');
    expect(await run('aaaa0002.1')).toBe('aaaa0002');
    expect(await run('aaaa0002.2')).toContain('no decision aaaa0002.2 is in the evidence journal');
    expect(await run('aaaa')).toBe('2 runs begin with aaaa: aaaa0001, aaaa0002');
    expect(await run('cccc')).toContain('no decision cccc is in');
    expect(await run('ZZ')).toBe('no id');
  });

  test('of two clusters that share a log each finds its own', async () => {
    const other = situation(crashed, state({ cluster_name: 'other' }));
    await record([situation(crashed, off)], { run: 'aaaa0001' });
    await record([{ ...other, policy: { ...other.policy, auto_failover: false } }], { run: 'bbbb0002' });
    expect(counts()).toEqual([2, 0]);
    expect(await findEvidence(ours(), { kind: 'newest' })).toMatchObject({ value: { entry: { run: 'aaaa0001' } } });
    const others = { paths: paths(), cluster: 'other' };
    expect(await findEvidence(others, { kind: 'newest' })).toMatchObject({ value: { entry: { run: 'bbbb0002' } } });
  });

  test('a file that cannot be read is told, and the others are read', async () => {
    await record([calmAt(NOW)]);
    mkdirSync(`${paths().journal}.1`);
    const found = await findEvidence(ours(), { kind: 'run', prefix: '3f2a', seq: null });
    expect(found).toMatchObject({ ok: true, value: { entry: { run: '3f2a91bc' } } });
    expect(found.ok && found.value.skipped).toEqual([expect.stringContaining('.jsonl.1 cannot be read: EISDIR')]);
  });
});
