import type { ExitCode } from '../core/codes.js';
import { historyText } from '../report/history-text.js';
import { type CommandContext, answer, summary } from './context.js';

export interface HistoryFlags {
  readonly limit?: number;
}

export async function historyCommand(context: CommandContext, flags: HistoryFlags): Promise<ExitCode> {
  const handyrep = await context.open();
  const verbose = context.globals.verbose === true;
  return answer(context, await handyrep.history(flags), (report) =>
    'history' in report && report.history.length > 0
      ? historyText(report.history, context.color, verbose)
      : summary(report),
  );
}
