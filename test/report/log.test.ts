import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Event } from '../../src/core/event.js';
import { isLogged, parseLine } from '../../src/report/log-line.js';
import { openLog, type LogOptions } from '../../src/report/log.js';
import { readTail } from '../../src/report/log-tail.js';
import { redactor } from '../../src/report/redact.js';
import { runChild } from '../state/child.js';

let folder: string;
let path: string;
let warnings: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'handyrep-log-'));
  path = join(folder, 'handyrep.log');
  warnings = [];
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function open(more: Partial<LogOptions> = {}) {
  return openLog({
    path,
    run: 'r1',
    verbose: false,
    max_size: 0,
    keep: 5,
    redact: (text) => text,
    onWarning: (message) => warnings.push(message),
    clock: () => Date.parse('2026-03-01T12:00:00Z'),
    ...more,
  });
}

const linesOf = (file: string) => readFileSync(file, 'utf8').trimEnd().split('\n').map(parseLine);

test('an event is one line with all its fields, in a file that others cannot read', () => {
  open().write({ category: 'FAILOVER', message: 'db2 is\nmaster', server: 'db2', ms: 1234 });
  expect(readFileSync(path, 'utf8')).toBe(
    '{"ts":"2026-03-01T12:00:00.000Z","category":"FAILOVER","message":"db2 is\\nmaster","iserror":false,"alert":false,' +
      '"server":"db2","run":"r1","ms":1234}\n',
  );
  expect(statSync(path).mode & 0o027).toBe(0);
});

test.each<[Event, boolean]>([
  [{ category: 'POLL', message: '' }, false],
  [{ category: 'VERIFY', message: '' }, false],
  [{ category: 'CHECK', message: '' }, false],
  [{ category: 'POLL', message: '', iserror: true }, true],
  [{ category: 'CHECK', message: '', alert: true }, true],
  [{ category: 'STATUS', message: '' }, true],
  [{ category: 'FAILOVER', message: '' }, true],
  [{ category: 'RECOVERY', message: '' }, true],
])('without log_verbose %j is logged: %s', (event, logged) => {
  expect(isLogged(event, false)).toBe(logged);
  expect(isLogged(event, true)).toBe(true);
});

test('an unwritable log warns once and never throws', () => {
  mkdirSync(path);
  const log = open();
  log.write({ category: 'ALERT', message: 'one' });
  log.write({ category: 'ALERT', message: 'two' });
  expect(warnings).toEqual([expect.stringContaining('cannot be written')]);
});

test('no secret is written, in no form of it', () => {
  const secret = 'pa\'s\\s w"ord';
  const log = open({ redact: redactor([secret, 'x', '']) });
  log.write({ category: 'ALERT', message: `xx ${secret} ${encodeURIComponent(secret)} password='pa''s\\s w"ord'` });
  expect(linesOf(path)[0]?.message).toBe("xx ******** ******** password='********'");
});

test('whatever the secrets, none is left in a message', () => {
  const secret = fc.string({ minLength: 3, unit: fc.constantFrom('a', 'b', 'c', "'", '\\', '%') });
  fc.assert(
    fc.property(fc.array(secret, { minLength: 1 }), fc.array(fc.string()), (secrets, words) => {
      const redacted = redactor(secrets)(words.flatMap((word, n) => [word, secrets[n % secrets.length]]).join(' '));
      for (const one of secrets) expect(redacted).not.toContain(one);
    }),
  );
});

test('a full log is rotated, the oldest goes', () => {
  const log = open({ max_size: 200, keep: 2 });
  for (let n = 1; n <= 10; n++) log.write({ category: 'STATUS', message: n.toString() });
  expect(readdirSync(folder).sort()).toEqual(['handyrep.log', 'handyrep.log.1', 'handyrep.log.2']);
  const kept = ['.2', '.1', ''].flatMap((end) => linesOf(`${path}${end}`)).map((line) => line?.message);
  expect(kept).toEqual(['5', '6', '7', '8', '9', '10']);
});

test('the marker of a killed rotation does not stop the next, when it is old', () => {
  writeFileSync(`${path}.rotating`, '');
  const log = open({ max_size: 100, keep: 2 });
  for (let n = 1; n <= 4; n++) log.write({ category: 'STATUS', message: n.toString() });
  expect(linesOf(path)).toHaveLength(4);
  expect(warnings).toEqual([]);
});

test.each([
  { what: 'all is as it should be', prepare: () => undefined },
  {
    what: 'a run was killed in the middle of a rotation',
    prepare: () => {
      writeFileSync(`${path}.rotating`, '');
      const then = Date.now() / 1000 - 60;
      utimesSync(`${path}.rotating`, then, then);
    },
  },
])(
  'several runs that rotate at once lose no line and tear none: $what',
  async ({ prepare }) => {
    prepare();
    const runs = ['a', 'b', 'c', 'd'];
    const children = runs.map((run) => runChild('../report/log-writer.ts', [path, '1000', run]));
    expect(await Promise.all(children.map((child) => child.ended))).toEqual([0, 0, 0, 0]);
    const files = readdirSync(folder).filter((name) => name.startsWith('handyrep.log'));
    expect(files.length).toBeGreaterThan(5);
    const names = files.map((name) => name.replace(/^handyrep\.log\.?/, ''));
    expect(names.sort((a, b) => Number(a) - Number(b))).toEqual(names.map((_, n) => (n === 0 ? '' : n.toString())));
    const lines = files.flatMap((name) => linesOf(join(folder, name)));
    expect(lines.every((line) => line !== null)).toBe(true);
    for (const run of runs) {
      const messages = lines.filter((line) => line?.run === run).map((line) => line?.message);
      expect(messages).toHaveLength(1000);
      expect(new Set(messages).size).toBe(1000);
    }
    // And log-tail reads them all, over every file.
    const read = await readTail(path, { lines: 10_000 });
    expect(read.ok && read.value).toHaveLength(4000);
  },
  60_000,
);
