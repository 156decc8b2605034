import type { ExitCode } from '../core/codes.js';
import { archiversText, slotsText, statusText } from '../report/text.js';
import type { PollReport } from '../service/reports.js';
import type { Report } from '../report/report.js';
import { type CommandContext, answer, summary } from './context.js';

export async function pollCommand(
  context: CommandContext,
  _options: object,
  names: readonly string[],
): Promise<ExitCode> {
  const handyrep = await context.open();
  return answer(context, await handyrep.poll(...names), (report) => pollText(context, report));
}

export async function verifyCommand(
  context: CommandContext,
  _options: object,
  names: readonly string[],
): Promise<ExitCode> {
  const handyrep = await context.open();
  return answer(context, await handyrep.verify(...names), (report) => pollText(context, report));
}

function pollText(context: CommandContext, report: PollReport | Report): string {
  if (!('servers' in report)) return summary(report);
  const { slots, archivers } = report;
  const verbose = context.globals.verbose === true;
  const more = [
    ...(verbose && slots !== undefined ? [slotsText(slots)] : []),
    ...(verbose && archivers !== undefined ? [archiversText(archivers)] : []),
  ];
  return [summary(report), statusText(report, context.color), ...more].join('\n\n');
}
