import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

/** Only hangs and a command that loads everything are found here; bench/startup.ts measures. */
const run = promisify(execFile);
const BIN = 'dist/bin/handyrep.js';

describe('the built command', () => {
  test.each([['--help'], ['--version'], ['explain', '--rules'], ['status', '--help']])(
    'ends at once: handyrep %s %s',
    async (...argv) => {
      const { stdout, stderr } = await run(process.execPath, [BIN, ...argv], { timeout: 15_000 });
      expect(stdout).not.toBe('');
      expect(stderr).toBe('');
    },
  );

  test('loads for --help the command line and nothing else', async () => {
    const { files, builtins } = await loadedBy('--help');
    const sizes = await Promise.all(files.map(async (file) => (await stat(fileURLToPath(file))).size));
    // The configuration's schema alone is three times as much.
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(200_000);
    expect(sizes.length).toBeGreaterThan(1);
    expect(builtins).toContain('fs');
    expect(builtins).not.toContain('tls');
    expect(builtins).not.toContain('http');
  });
});

const REPORT = "process.on('exit', () => process.stderr.write(`\\nBUILTIN ${process.moduleLoadList.join(' ')}\\n`))";

/** The files of ours and the modules of Node that a run loads, as Node itself tells. */
async function loadedBy(...argv: string[]): Promise<{ files: string[]; builtins: string[] }> {
  const env = { ...process.env, NODE_DEBUG: 'esm' };
  const preload = `data:text/javascript,${encodeURIComponent(REPORT)}`;
  const options = { env, timeout: 15_000, maxBuffer: 1e8 };
  const { stderr } = await run(process.execPath, ['--import', preload, BIN, ...argv], options);
  const files = [...stderr.matchAll(/Storing (file:\S+)/g)].map(([, file = '']) => file);
  const builtins = [...(/^BUILTIN (.*)$/m.exec(stderr)?.[1] ?? '').matchAll(/NativeModule (\S+)/g)];
  return { files: [...new Set(files)], builtins: builtins.map(([, name = '']) => name) };
}
