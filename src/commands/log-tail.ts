import type { ExitCode } from '../core/codes.js';
import { EXIT } from '../core/codes.js';
import { parseDuration } from '../core/duration.js';
import type { LogLine } from '../report/log-line.js';
import { sanitize } from '../report/sanitize.js';
import { type CommandContext, summary, usageError } from './context.js';

export interface LogTailFlags {
  readonly lines?: number;
  readonly follow?: boolean;
  readonly category?: string;
  readonly since?: string;
}

const LINES = 20;

export async function logTailCommand(context: CommandContext, flags: LogTailFlags): Promise<ExitCode> {
  const options = {
    lines: flags.lines ?? LINES,
    category: flags.category?.toUpperCase(),
    since: flags.since === undefined ? undefined : parseSince(flags.since, Date.now()),
  };
  const handyrep = await context.open();
  const print = (line: LogLine): void => void context.stdout.write(`${render(context, line)}\n`);
  if (flags.follow === true) {
    for await (const line of handyrep.followLog(options)) print(line);
    return EXIT.success;
  }
  const report = await handyrep.readLog(options);
  if (!('lines' in report)) {
    if (context.globals.json === true) context.stdout.write(`${JSON.stringify(report)}\n`);
    else context.stderr.write(`${summary(report)}\n`);
    return report.exit_code;
  }
  report.lines.forEach(print);
  const { json, quiet } = context.globals;
  if (report.lines.length === 0 && json !== true && quiet !== true) {
    const { category } = options;
    context.stderr.write(
      `no such line${category === undefined ? '' : ` of category ${sanitize(category)}`} in the log\n`,
    );
  }
  return report.exit_code;
}

function render(context: CommandContext, line: LogLine): string {
  if (context.globals.json === true) return JSON.stringify(line);
  const color = context.color;
  const mark = line.alert ? color.red('ALERT ') : '';
  const server = line.server === null ? '' : ` ${line.server}:`;
  const message = line.iserror ? color.red(sanitize(line.message)) : sanitize(line.message);
  const took = line.ms === null ? '' : color.dim(` (${line.ms} ms)`);
  return `${color.dim(line.ts)} ${line.category.padEnd(8)} ${mark}${message}${took}${color.dim(server)} ${color.dim(line.run)}`;
}

/** A moment (ISO 8601) or how long ago. */
function parseSince(text: string, now: number): number {
  const ago = parseDuration(text);
  if (ago !== null) return now - ago;
  const at = Date.parse(text);
  if (Number.isNaN(at))
    throw usageError(`--since is a time such as 2026-05-01T03:00:00Z, or an age such as 1h, not ${text}`);
  return at;
}
