import { expect, test } from 'vitest';
import { run } from '../../src/commands/program.js';

async function output(...argv: readonly string[]): Promise<readonly [number, string]> {
  let text = '';
  const write = (chunk: string | Uint8Array): boolean => {
    text += typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk);
    return true;
  };
  const stream = { write } as unknown as NodeJS.WriteStream;
  const code = await run(argv, { stdout: stream, stderr: stream, env: {} });
  return [code, text];
}

test.each([
  ['before the command', ['--json', 'explain', '--rules']],
  ['behind it', ['explain', '--rules', '--json']],
])('a global option %s', async (_where, argv) => {
  const [code, text] = await output(...argv);
  expect([code, JSON.parse(text)]).toEqual([0, expect.objectContaining({ result: 'SUCCESS' })]);
});

test.each([
  ['before', ['-c', '/absent/a.yaml', 'status']],
  ['behind', ['status', '-c', '/absent/a.yaml']],
  ['behind, in its long form', ['status', '--config=/absent/a.yaml']],
  ['of the later one', ['-c', '/absent/b.yaml', 'status', '-c', '/absent/a.yaml']],
  [
    'for replay: before is ours, behind is the other',
    ['-c', '/absent/a.yaml', 'replay', 'aaaa', '-c', '/absent/b.yaml'],
  ],
])('the configuration, %s', async (_where, argv) => {
  const [code, text] = await output(...argv);
  expect([code, text]).toEqual([2, expect.stringContaining('/absent/a.yaml')]);
});

test('a failure of the configuration is one object with --json behind the command too', async () => {
  const [code, text] = await output('status', '-c', '/absent/a.yaml', '--json');
  expect([code, JSON.parse(text)]).toEqual([2, expect.objectContaining({ result: 'FAIL', exit_code: 2 })]);
});

test('an option that no command has is refused', async () => {
  expect((await output('status', '--colour'))[0]).toBe(2);
});
