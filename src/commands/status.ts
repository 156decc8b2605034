import type { ExitCode } from '../core/codes.js';
import { EXIT } from '../core/codes.js';
import { pause } from '../io/wait.js';
import type { Report } from '../report/report.js';
import type { StatusView } from '../report/status.js';
import { statusText } from '../report/text.js';
import type { HandyRep } from '../service/handyrep.js';
import type { StatusReport } from '../service/reports.js';
import { colorFor } from './color.js';
import { type CommandContext, answer, summary, usageError } from './context.js';

export interface StatusFlags {
  readonly check?: string;
  readonly format?: string;
  readonly watch?: boolean;
  /** Milliseconds. */
  readonly every?: number;
}

type Check = (handyrep: HandyRep) => Promise<Report | (Report & StatusView)>;

const CHECKS: Readonly<Record<string, Check>> = {
  cached: (handyrep) => handyrep.getStatus(),
  poll: (handyrep) => handyrep.poll(),
  verify: (handyrep) => handyrep.verify(),
};

const WATCH_EVERY_MS = 2000;
const CLEAR = '\u001b[H\u001b[2J';

export async function statusCommand(context: CommandContext, flags: StatusFlags): Promise<ExitCode> {
  const check = Object.hasOwn(CHECKS, flags.check ?? 'cached') ? CHECKS[flags.check ?? 'cached'] : undefined;
  if (check === undefined) throw usageError(`--check is cached, poll or verify, not ${flags.check ?? ''}`);
  if (flags.format !== undefined && flags.format !== 'text' && flags.format !== 'json') {
    throw usageError(`--format is text or json, not ${flags.format}`);
  }
  const shown = flags.format === 'json' ? { ...context, globals: { ...context.globals, json: true } } : context;
  const handyrep = await context.open();
  if (flags.watch !== true) return show(shown, await check(handyrep));
  return watch(shown, flags.every ?? WATCH_EVERY_MS, () => check(handyrep));
}

function show(context: CommandContext, report: Report | (Report & StatusView)): ExitCode {
  return answer(context, report, (one) => text(context, one));
}

function text(context: CommandContext, report: Report | (Report & StatusView)): string {
  if (!('servers' in report)) return summary(report);
  const lines = [statusText(report, colorFor(context))];
  if (context.globals.verbose === true && 'differences' in report) {
    const { differences } = report as StatusReport;
    if (differences.length > 0)
      lines.push('', 'the saved servers are in effect, and differ from the configuration:', ...differences);
  }
  return lines.join('\n');
}

/** Until ctrl-C; each picture replaces the one before on a terminal, and follows it elsewhere. */
async function watch(
  context: CommandContext,
  every: number,
  look: () => Promise<Report | (Report & StatusView)>,
): Promise<ExitCode> {
  let code: ExitCode = EXIT.success;
  while (!context.signal.aborted) {
    const report = await look();
    if (context.stdout.isTTY === true && context.globals.json !== true) context.stdout.write(CLEAR);
    code = show(context, report);
    await pause(every, context.signal);
  }
  return code;
}
