import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseLine, type LogLine } from '../../src/report/log-line.js';
import { followLog, readTail } from '../../src/report/log-tail.js';
import { waitFor } from '../pg/harness.js';
import { blocks, read } from '../docs/markdown.js';
import { runChild } from '../state/child.js';

const PROGRAM = '/usr/sbin/logrotate';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'handyrep-logrotate-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** The configuration that the runbook prints, for our folder and user. */
function printed(): string {
  const [text] = blocks(read('docs/runbook.md')).flatMap((one) => (one.text.includes('delaycompress') ? one.text : []));
  if (text === undefined) throw new Error('the runbook prints no configuration for logrotate');
  return text.replaceAll('/var/log/handyrep/', `${folder}/`);
}

const numbers = (lines: readonly (LogLine | null)[]): readonly number[] => lines.map((line) => Number(line?.message));
const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, n) => n + 1);

test('the real logrotate, as the runbook has it, loses no line of a run that writes meanwhile, and log-tail follows', async () => {
  const log = join(folder, 'handyrep.log');
  const config = join(folder, 'logrotate.conf');
  writeFileSync(config, printed(), { mode: 0o600 });
  const stop = new AbortController();
  const followed: LogLine[] = [];
  const following = (async () => {
    for await (const one of followLog(log, { lines: 1, signal: stop.signal, every: 5 })) followed.push(one);
  })();
  // Slow enough that it writes during all rotations.
  const child = runChild('../report/log-writer.ts', [log, '4000', 'a', '0', '1']);
  await waitFor(() => followed.length > 0, { deadline: 20_000, what: 'the first line' });
  let rotations = 0;
  for (; rotations < 6 && child.process.exitCode === null; rotations++) {
    execFileSync(PROGRAM, ['--force', '--state', join(folder, 'state'), config], { stdio: 'pipe' });
    // Not twice between two looks: the second would compress what the follower has not read yet.
    const caughtUp = (): boolean => {
      // The next line makes the file.
      const [first] = existsSync(log) ? readFileSync(log, 'utf8').split('\n') : [];
      return Number(followed.at(-1)?.message) >= Number(parseLine(first ?? '')?.message);
    };
    await waitFor(caughtUp, { deadline: 20_000, what: 'the follower to read the new file' });
  }
  expect(await child.ended).toBe(0);
  expect(rotations).toBe(6);
  const kept = upTo(6).flatMap((n) => {
    const file = `${log}.${n.toString()}`;
    const text = n === 1 ? readFileSync(file, 'utf8') : gunzipSync(readFileSync(`${file}.gz`)).toString('utf8');
    return text.trimEnd().split('\n').map(parseLine);
  });
  const now = readFileSync(log, 'utf8').trimEnd().split('\n').map(parseLine);
  expect(numbers([...kept, ...now]).toSorted((a, b) => a - b)).toEqual(upTo(4000));
  await waitFor(() => followed.at(-1)?.message === '4000', { deadline: 10_000, what: 'the last line' });
  stop.abort();
  await following;
  expect(numbers(followed)).toEqual(upTo(4000));
  // It reads on into the newest rotated file, which is not compressed yet.
  const tail = await readTail(log, { lines: now.length + 5 });
  expect(tail.ok && numbers(tail.value)).toEqual(upTo(4000).slice(-now.length - 5));
}, 60_000);
