import type { ExitCode } from '../core/codes.js';
import { type CommandContext, answer, summary, usageError } from './context.js';

export interface CronFlags {
  readonly install?: boolean;
  readonly remove?: boolean;
}

export async function cronCommand(
  context: CommandContext,
  { install = false, remove = false }: CronFlags,
): Promise<ExitCode> {
  if (install && remove) throw usageError('--install and --remove contradict each other');
  const handyrep = await context.open();
  const action = install ? 'install' : remove ? 'remove' : 'print';
  return answer(context, await handyrep.cron(action), (report) =>
    'lines' in report && action === 'print' ? report.lines.join('\n') : summary(report),
  );
}
