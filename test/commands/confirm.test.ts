import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { NO_COLORS } from '../../src/report/colors.js';
import { confirm, withConsent } from '../../src/commands/confirm.js';
import type { CommandContext } from '../../src/commands/context.js';
import { failed, success, type Report } from '../../src/report/report.js';

interface Desk {
  readonly context: CommandContext;
  readonly stdin: PassThrough;
  asked(): string;
  interrupt(): void;
}

function desk({ tty = true, yes = false }: { readonly tty?: boolean; readonly yes?: boolean } = {}): Desk {
  const stdin = Object.assign(new PassThrough(), { isTTY: tty });
  const stderr = Object.assign(new PassThrough(), { isTTY: tty });
  const interrupt = new AbortController();
  let text = '';
  stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const context: CommandContext = {
    globals: { yes },
    stdin,
    stderr,
    stdout: new PassThrough(),
    env: {},
    color: NO_COLORS,
    signal: interrupt.signal,
    open: () => Promise.reject(new Error('not opened')),
    warn: () => undefined,
  };
  return { context, stdin, asked: () => text, interrupt: () => interrupt.abort() };
}

describe('confirm', () => {
  test.each(['y\n', 'yes\n', ' Y \n'])('%j is a yes', async (reply) => {
    const one = desk();
    one.stdin.write(reply);
    await confirm(one.context, 'really\u001b[31m?');
    expect(one.asked()).toBe('really\\u{1b}[31m? [y/N] ');
  });

  test.each(['\n', 'n\n', 'yeah\n', 'yes please\n', '1\n'])('%j is a no', async (reply) => {
    const one = desk();
    one.stdin.write(reply);
    await expect(confirm(one.context, 'really?')).rejects.toMatchObject({ failure: { code: 'needs_confirmation' } });
  });

  test('the end of the input and ctrl-C are a no', async () => {
    const ended = desk();
    ended.stdin.end();
    await expect(confirm(ended.context, 'really?')).rejects.toThrow('nothing was done');
    const interrupted = desk();
    setImmediate(interrupted.interrupt);
    await expect(confirm(interrupted.context, 'really?')).rejects.toThrow('nothing was done');
  });

  test('off a terminal nobody is asked: --yes is needed', async () => {
    const one = desk({ tty: false });
    one.stdin.write('y\n');
    await expect(confirm(one.context, 'db1 is stopped')).rejects.toMatchObject({
      failure: {
        code: 'needs_confirmation',
        message: 'db1 is stopped',
        hint: expect.stringContaining('--yes') as string,
      },
    });
    expect(one.asked()).toBe('');
    await confirm(desk({ tty: false, yes: true }).context, 'db1 is stopped');
  });
});

describe('withConsent', () => {
  const refusal = failed({ code: 'needs_confirmation', message: 'db1 is the master', hint: 'say --yes' });
  const call =
    (calls: boolean[]) =>
    (yes: boolean): Promise<Report> => {
      calls.push(yes);
      return Promise.resolve(yes ? success('done', {}) : refusal);
    };

  test('what belongs to the question is shown before it', async () => {
    const one = desk();
    one.stdin.write('y\n');
    const report = await withConsent(one.context, call([]), ({ details }) => `about ${details}`);
    expect(report.details).toBe('done');
    expect(one.asked()).toBe('about db1 is the master\ndb1 is the master. Go on? [y/N] ');
  });

  test('asks in the words of the refusal, and does it after a yes', async () => {
    const calls: boolean[] = [];
    const one = desk();
    one.stdin.write('y\n');
    expect(await withConsent(one.context, call(calls))).toMatchObject({ details: 'done' });
    expect(one.asked()).toContain('db1 is the master. Go on?');
    expect(calls).toEqual([false, true]);
  });

  test('off a terminal the refusal is the answer; with --yes it is done at once', async () => {
    const calls: boolean[] = [];
    expect(await withConsent(desk({ tty: false }).context, call(calls))).toBe(refusal);
    expect(await withConsent(desk({ yes: true }).context, call(calls))).toMatchObject({ details: 'done' });
    expect(calls).toEqual([false, true]);
  });
});
