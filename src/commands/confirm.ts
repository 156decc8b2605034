import { createInterface } from 'node:readline';
import { type Failure, HandyRepError } from '../core/outcome.js';
import type { CommandContext } from './context.js';

/**
 * Asks before something that cannot be undone: on a terminal, where anything but yes is no. `--yes` is an answer too; where
 * nobody can be asked it is needed. Throws a {@link HandyRepError} with code `needs_confirmation` when it is not confirmed.
 */
export async function confirm(context: CommandContext, question: string): Promise<void> {
  if (context.globals.yes === true) return;
  if (context.stderr.isTTY !== true || !process.stdin.isTTY) {
    throw refusal(question, 'give --yes: there is no terminal to ask on');
  }
  const reader = createInterface({ input: process.stdin, output: context.stderr });
  const answer = await new Promise<string>((resolve) => {
    const stop = (): void => resolve('');
    context.signal.addEventListener('abort', stop, { once: true });
    reader.on('SIGINT', stop).on('close', stop);
    reader.question(`${question} [y/N] `, resolve);
  });
  reader.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw refusal(question, 'nothing was done');
}

function refusal(question: string, hint: string): HandyRepError {
  const failure: Failure = { code: 'needs_confirmation', message: `not confirmed: ${question}`, hint };
  return new HandyRepError(failure);
}
