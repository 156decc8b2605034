import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../../src/commands/program.js';

const folder = mkdtempSync(join(tmpdir(), 'handyrep-completion-'));

async function script(shell: string): Promise<string> {
  let text = '';
  const write = (chunk: string | Uint8Array): boolean => {
    text += String(chunk);
    return true;
  };
  const stream = { write } as unknown as NodeJS.WriteStream;
  expect(await run(['completion', shell], { stdout: stream, stderr: stream, env: {} })).toBe(0);
  return text;
}

beforeAll(async () => {
  writeFileSync(join(folder, 'bash'), await script('bash'));
  // A handyrep that knows two servers.
  const list = JSON.stringify({ result: 'SUCCESS', servers: [{ name: 'db1', role: 'master' }, { name: 'db-2' }] });
  writeFileSync(join(folder, 'handyrep'), `#!/bin/sh\necho '${list}'\n`);
  chmodSync(join(folder, 'handyrep'), 0o755);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a real bash would offer behind these words; the last one is being typed. */
function completed(...words: readonly string[]): string[] {
  const asked = `. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _handyrep; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const env = { PATH: `${folder}:/usr/bin:/bin` };
  const said = execFileSync('bash', ['-c', asked, 'bash', join(folder, 'bash'), 'handyrep', ...words], {
    env,
    encoding: 'utf8',
  });
  return said.split('\n').filter((word) => word !== '');
}

describe('in bash', () => {
  test.each<[words: readonly string[], found: readonly string[]]>([
    [['fail'], ['failover-check', 'failover']],
    [['doc'], ['doctor']],
    [['doctor', '--t'], ['--timings']],
    [['-c', 'a.yaml', 'doctor', '--s'], ['--sudoers']],
    [['--js'], ['--json']],
    [['server', 'en'], ['enable']],
    [
      ['promote', 'db'],
      ['db1', 'db-2'],
    ],
    [['nothing', 'zzz'], []],
  ])('%j', (words, found) => {
    expect(completed(...words)).toEqual(found);
  });
});

test('zsh and fish get what their shells read; another shell is refused', async () => {
  expect(await script('zsh')).toMatch(/^#compdef handyrep\n/);
  const fish = await script('fish');
  expect(fish).toContain(`-a doctor -d 'checks everything that a failover will need, and prints the fix`);
  expect(fish).toContain("'__fish_seen_subcommand_from doctor' -l timings");
  const quiet = { write: () => true } as unknown as NodeJS.WriteStream;
  expect(await run(['completion', 'csh'], { stdout: quiet, stderr: quiet, env: {} })).toBe(2);
});
