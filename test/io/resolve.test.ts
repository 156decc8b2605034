import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { resolveHost } from '../../src/io/resolve.js';
import { readProcess } from '../../src/state/process.js';
import { waitFor } from '../pg/wait.js';

const folder = mkdtempSync(join(tmpdir(), 'handyrep-resolve-'));
const path = process.env['PATH'];
afterEach(() => {
  process.env['PATH'] = path;
  rmSync(join(folder, 'getent'), { force: true });
});

/** Puts a getent of the test's own before the machine's. */
function fakeGetent(script: string): void {
  writeFileSync(join(folder, 'getent'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, 'getent'), 0o755);
  process.env['PATH'] = `${folder}:${path ?? ''}`;
}

describe('a name', () => {
  test('of this machine resolves, and an address is one already', async () => {
    expect(await resolveHost('localhost', AbortSignal.timeout(5000))).toContainEqual(
      expect.stringMatching(/^(127\.0\.0\.1|::1)$/),
    );
    fakeGetent('exit 2');
    expect(await resolveHost('10.0.0.1', AbortSignal.timeout(5000))).toEqual(['10.0.0.1']);
  });

  test('that nobody knows, or that looks like an option, is refused', async () => {
    for (const name of ['nobody.invalid', '--help']) {
      await expect(resolveHost(name, AbortSignal.timeout(5000))).rejects.toMatchObject({ code: 'ENOTFOUND' });
    }
  });

  test('that was resolved a moment ago is not asked for again, and asking twice at once is asking once', async () => {
    const asked = join(folder, 'asked');
    fakeGetent(
      `echo once >> ${asked}; sleep 0.2; echo '10.1.1.1 STREAM'; echo '10.1.1.1 DGRAM'; echo '10.1.1.2 STREAM'`,
    );
    const answers = await Promise.all([1, 2, 3].map(() => resolveHost('twice.test', AbortSignal.timeout(5000))));
    expect(answers).toEqual(Array.from({ length: 3 }, () => ['10.1.1.1', '10.1.1.2']));
    expect(await resolveHost('twice.test', AbortSignal.timeout(5000))).toEqual(['10.1.1.1', '10.1.1.2']);
    expect(readFileSync(asked, 'utf8')).toBe('once\n');
  });

  test('whose name server says nothing is given up in time, and nothing is left waiting for it', async () => {
    const pids = join(folder, 'pids');
    fakeGetent(`echo $$ > ${pids}; exec sleep 60`);
    const began = performance.now();
    const asking = [300, 500].map((ms) => resolveHost('silent.test', AbortSignal.timeout(ms)));
    for (const one of asking) await expect(one).rejects.toThrow();
    expect(performance.now() - began).toBeLessThan(2000);
    const pid = Number(readFileSync(pids, 'utf8'));
    await waitFor(() => readProcess(pid) === null, { deadline: 3000, what: 'getent to be ended' });
  });

  test('is resolved by Node where there is no getent', async () => {
    process.env['PATH'] = folder;
    // Written otherwise, so that it is no name that was resolved a moment ago.
    const found = await resolveHost('LocalHost', AbortSignal.timeout(5000));
    expect(found).toContainEqual(expect.stringMatching(/^(127\.0\.0\.1|::1)$/));
    await expect(resolveHost('Nobody.invalid', AbortSignal.timeout(5000))).rejects.toThrow();
  });
});
