import { type Failure, HandyRepError } from '../core/outcome.js';
import type { ExitCode } from '../core/codes.js';
import type { Colors } from '../report/colors.js';
import { type Report, failed } from '../report/report.js';
import type { OpenOptions } from '../service/open-options.js';
import type { HandyRep } from '../service/handyrep.js';

/** The options before the command. */
export interface GlobalOptions {
  readonly config?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly color?: boolean;
  readonly yes?: boolean;
  /** Milliseconds. */
  readonly lockWait?: number;
}

/** What a command is given: its streams, its options, and the way to HandyRep. */
export interface CommandContext {
  readonly globals: GlobalOptions;
  /** Where a question is answered; absent: nobody is there. */
  readonly stdin?: (NodeJS.ReadableStream & { readonly isTTY?: boolean }) | undefined;
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly env: NodeJS.ProcessEnv;
  /** What marks text on standard output. */
  readonly color: Colors;
  readonly signal: AbortSignal;
  /** Opens the library with the global options; the configuration is read here and not before. */
  open(more?: Partial<OpenOptions>): Promise<HandyRep>;
  warn(message: string): void;
}

/** Writes one answer: with `--json` exactly one object, else what `text` makes of it. */
export function answer<T extends Report>(context: CommandContext, report: T, text: (report: T) => string): ExitCode {
  const { json, quiet } = context.globals;
  if (json === true) context.stdout.write(`${JSON.stringify(report)}\n`);
  else if (quiet !== true || report.result === 'FAIL' || isNews(report)) context.stdout.write(`${text(report)}\n`);
  return report.exit_code;
}

/** A failover and a rejoin are told even where only failures are asked for: cron mails them. */
function isNews(report: Report): boolean {
  if ('rejoined' in report && Array.isArray(report.rejoined) && report.rejoined.length > 0) return true;
  return 'failed_over' in report && report.failed_over === true;
}

/** Result, sentence and hint: what every answer has. */
export function summary(report: Report): string {
  const hint = report.hint === undefined ? '' : `\n  hint: ${report.hint}`;
  return `${report.result}: ${report.details}${hint}`;
}

/** An error of the command line itself. */
export function usageError(message: string, hint?: string): HandyRepError {
  const failure: Failure = { code: 'usage', message, hint };
  return new HandyRepError(failure);
}

/** Answers an expected failure; anything else is a bug and goes on up. */
export function answerFailure(
  context: Pick<CommandContext, 'globals' | 'stdout' | 'stderr'>,
  error: unknown,
): ExitCode {
  if (!(error instanceof HandyRepError)) throw error;
  const report = failed(error.failure);
  if (context.globals.json === true) context.stdout.write(`${JSON.stringify(report)}\n`);
  else context.stderr.write(`${summary(report)}\n`);
  return report.exit_code;
}
