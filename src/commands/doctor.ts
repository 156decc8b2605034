import type { ExitCode } from '../core/codes.js';
import { timingsText } from '../report/timings-text.js';
import { type CommandContext, answer, summary } from './context.js';

export async function doctorCommand(context: CommandContext): Promise<ExitCode> {
  const handyrep = await context.open();
  const verbose = context.globals.verbose === true;
  return answer(context, await handyrep.timings(), (report) =>
    'timings' in report ? `${timingsText(report.timings, verbose)}\n${summary(report)}` : summary(report),
  );
}
