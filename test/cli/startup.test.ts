import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

/** Only hangs and a command that loads everything are found here; bench/benches/commands.ts measures. */
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
    expect(files).toEqual(['looking.js']);
    // The configuration's schema alone is twice as much.
    expect((await stat('dist/command/looking.js')).size).toBeLessThan(400_000);
    expect(builtins).toContain('fs');
    expect(builtins).not.toContain('child_process');
    expect(builtins).not.toContain('tls');
    expect(builtins).not.toContain('http');
  });
});

/** Tells at the end what was read of ours, and which of Node's own modules were loaded. */
const REPORT = `
const fs = process.getBuiltinModule('fs');
const { readFileSync } = fs;
const read = [];
fs.readFileSync = (file, ...rest) => (read.push(String(file)), readFileSync(file, ...rest));
process.on('exit', () => {
  const files = read.filter((file) => file.includes('/dist/command/'));
  process.stderr.write('\\nFILES ' + files.join(' ') + '\\nBUILTIN ' + process.moduleLoadList.join(' ') + '\\n');
});`;

async function loadedBy(...argv: string[]): Promise<{ files: string[]; builtins: string[] }> {
  const preload = `data:text/javascript,${encodeURIComponent(REPORT)}`;
  const options = { timeout: 15_000, maxBuffer: 1e8 };
  const { stderr } = await run(process.execPath, ['--import', preload, BIN, ...argv], options);
  const files = /^FILES (.*)$/m.exec(stderr)?.[1]?.split(' ') ?? [];
  const builtins = [...(/^BUILTIN (.*)$/m.exec(stderr)?.[1] ?? '').matchAll(/NativeModule (\S+)/g)];
  return { files: files.map((file) => basename(file)), builtins: builtins.map(([, name = '']) => name) };
}
