import type { ExitCode } from '../core/codes.js';
import { EXIT } from '../core/codes.js';
import { HandyRepError } from '../core/outcome.js';
import { pause } from '../io/wait.js';
import { NO_COLORS } from '../report/colors.js';
import type { Report } from '../report/report.js';
import type { StatusView } from '../report/status.js';
import { statusText } from '../report/text.js';
import type { HandyRep } from '../service/handyrep.js';
import type { StatusReport } from '../service/reports.js';
import { type CommandContext, answer, summary, usageError } from './context.js';

export interface StatusFlags {
  readonly check?: string;
  readonly format?: string;
  /** A file that is written in place of standard output. */
  readonly output?: string;
  readonly watch?: boolean;
  /** Milliseconds. */
  readonly every?: number;
}

type Answer = Report | (Report & StatusView);
type Check = (handyrep: HandyRep) => Promise<Answer>;

const CHECKS: Readonly<Record<string, Check>> = {
  cached: (handyrep) => handyrep.getStatus(),
  poll: (handyrep) => handyrep.poll(),
  verify: (handyrep) => handyrep.verify(),
};

const WATCH_EVERY_MS = 2000;
const CLEAR = '\u001b[H\u001b[2J';

export async function statusCommand(context: CommandContext, flags: StatusFlags): Promise<ExitCode> {
  if (flags.format !== 'nagios') return tell(context, flags);
  try {
    return await tell(context, flags);
  } catch (error) {
    const { nagiosUnknown } = await import('./status-formats.js');
    const { text: words, code } = await nagiosUnknown(error);
    context.stdout.write(`${words}\n`);
    return code;
  }
}

async function tell(context: CommandContext, flags: StatusFlags): Promise<ExitCode> {
  const check = Object.hasOwn(CHECKS, flags.check ?? 'cached') ? CHECKS[flags.check ?? 'cached'] : undefined;
  if (check === undefined) throw usageError(`--check is cached, poll or verify, not ${flags.check ?? ''}`);
  const how = await displayOf(context, flags);
  const handyrep = await context.open();
  const once = async (): Promise<ExitCode> => how(await check(handyrep), handyrep);
  return flags.watch === true ? watch(context, flags.every ?? WATCH_EVERY_MS, once) : once();
}

type Display = (report: Answer, handyrep: HandyRep) => ExitCode | Promise<ExitCode>;

/** How a status is shown: where to, and in which format. */
async function displayOf(
  context: CommandContext,
  { format = 'text', output, watch: again }: StatusFlags,
): Promise<Display> {
  const json = format === 'json' || context.globals.json === true;
  const clear = again === true && context.stdout.isTTY === true && !json && output === undefined;
  if (format === 'text' || format === 'json') {
    const shown = format === 'json' ? { ...context, globals: { ...context.globals, json: true } } : context;
    if (output === undefined) {
      return (report) => {
        if (clear) context.stdout.write(CLEAR);
        return show(shown, report);
      };
    }
    return (report) =>
      publish(output, json ? JSON.stringify(report) : text(unpainted(shown), report), report.exit_code);
  }
  const { FORMATS } = await import('./status-formats.js');
  const render = Object.hasOwn(FORMATS, format) ? FORMATS[format] : undefined;
  if (render === undefined) throw usageError(`--format is text, json, nagios, prometheus or html, not ${format}`);
  if (json) throw usageError(`--json and --format ${format} are two formats: choose one`);
  return async (report, handyrep) => {
    const rendered = await render(report, handyrep);
    if (!rendered.ok) throw new HandyRepError(rendered.error);
    if (output !== undefined) return publish(output, rendered.value.text, rendered.value.code);
    if (clear) context.stdout.write(CLEAR);
    context.stdout.write(`${rendered.value.text}\n`);
    return rendered.value.code;
  };
}

/** A file gets no colour. */
function unpainted(context: CommandContext): CommandContext {
  return { ...context, color: NO_COLORS };
}

async function publish(path: string, content: string, code: ExitCode): Promise<ExitCode> {
  const { publishFile } = await import('../io/publish-file.js');
  const done = await publishFile(path, `${content}\n`);
  if (!done.ok) throw new HandyRepError(done.error);
  return code;
}

function show(context: CommandContext, report: Answer): ExitCode {
  return answer(context, report, (one) => text(context, one));
}

function text(context: CommandContext, report: Answer): string {
  if (!('servers' in report)) return summary(report);
  const lines = [statusText(report, context.color)];
  if (context.globals.verbose === true && 'differences' in report) {
    const { differences } = report as StatusReport;
    if (differences.length > 0)
      lines.push('', 'the saved servers are in effect, and differ from the configuration:', ...differences);
  }
  return lines.join('\n');
}

/** Until ctrl-C; each picture replaces the one before on a terminal, and follows it elsewhere. */
async function watch(context: CommandContext, every: number, look: () => Promise<ExitCode>): Promise<ExitCode> {
  let code: ExitCode = EXIT.success;
  while (!context.signal.aborted) {
    code = await look();
    await pause(every, context.signal);
  }
  return code;
}
