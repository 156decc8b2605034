import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Report } from '../report/report.js';
import { sanitize } from '../report/sanitize.js';
import { HandyRepError } from '../core/outcome.js';
import type { CommandContext } from './context.js';

/**
 * Asks before something that cannot be taken back, on standard error, and takes everything but a clear yes for a no. `--yes`
 * answers it. To be asked before the lock is taken: a question that waits for a person must not keep a failover waiting.
 *
 * @throws {HandyRepError} with code `needs_confirmation` where there is nobody to ask, or the answer was no
 */
export async function confirm(context: CommandContext, question: string): Promise<void> {
  if (context.globals.yes === true) return;
  if (!canAsk(context)) throw unconfirmed(question, 'there is no terminal to ask on: say --yes');
  const reply = await ask(context, `${sanitize(question)} [y/N] `);
  if (/^\s*y(es)?\s*$/i.test(reply)) return;
  throw unconfirmed('not confirmed: nothing was done', 'answer yes, or say --yes');
}

/**
 * Does what may need a yes: where the library says so, in its own words, asks and calls it again with that yes. Each call
 * takes the lock for itself, and none holds it while the question stands. `more` is shown before the question.
 */
export async function withConsent<T extends Report>(
  context: CommandContext,
  call: (yes: boolean) => Promise<T | Report>,
  more: (asked: T | Report) => string | null = () => null,
): Promise<T | Report> {
  const first = await call(context.globals.yes === true);
  if (!needsConfirmation(first) || !canAsk(context)) return first;
  const shown = more(first);
  if (shown !== null) context.stderr.write(`${shown}\n`);
  await confirm(context, `${first.details}. Go on?`);
  return call(true);
}

function needsConfirmation(report: Report): boolean {
  return 'error' in report && (report.error as { readonly code?: unknown }).code === 'needs_confirmation';
}

function canAsk({ stdin, stderr }: CommandContext): boolean {
  return stdin?.isTTY === true && stderr.isTTY === true;
}

/** One line; empty when the input ends or the run is interrupted. */
async function ask({ stdin, stderr, signal }: CommandContext, question: string): Promise<string> {
  if (stdin === undefined) return '';
  // Not as a terminal: its line editing would keep ctrl-C from ending the run.
  const lines = createInterface({ input: stdin, terminal: false });
  stderr.write(question);
  try {
    const ended = once(lines, 'close', { signal }).then(() => '');
    const line = once(lines, 'line', { signal }).then(([text]) => String(text));
    return await Promise.race([line, ended]).catch(() => '');
  } finally {
    lines.close();
  }
}

function unconfirmed(message: string, hint: string): HandyRepError {
  return new HandyRepError({ code: 'needs_confirmation', message, hint });
}
