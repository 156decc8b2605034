import { createInterface } from 'node:readline/promises';
import { HandyRepError } from '../core/outcome.js';
import type { CommandContext } from './context.js';

/** Asks before something destructive: on a terminal, or answered by `--yes`. Throws unless the answer is yes. */
export async function confirm(context: CommandContext, question: string): Promise<void> {
  if (context.globals.yes === true) return;
  const { stdin } = process;
  if (!stdin.isTTY || context.stderr.isTTY !== true) {
    throw new HandyRepError({
      code: 'needs_confirmation',
      message: `${question} was not asked: there is no terminal`,
      hint: 'answer with --yes',
    });
  }
  const terminal = createInterface({ input: stdin, output: context.stderr });
  try {
    const answer = await terminal.question(`${question} [y/N] `, { signal: context.signal });
    if (/^y(es)?$/i.test(answer.trim())) return;
  } catch (error) {
    if (!context.signal.aborted) throw error;
  } finally {
    terminal.close();
  }
  throw new HandyRepError({ code: 'needs_confirmation', message: 'not confirmed: nothing was done' });
}
