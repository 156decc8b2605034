import type { ExitCode } from '../core/codes.js';
import { type CommandContext, answer, summary } from './context.js';

export async function initCommand(context: CommandContext, flags: { readonly printSql?: boolean }): Promise<ExitCode> {
  const handyrep = await context.open();
  if (flags.printSql === true) return answer(context, await handyrep.initSql(), (report) => report.sql);
  return answer(context, await handyrep.init(), summary);
}
