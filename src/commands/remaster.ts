import type { ExitCode } from '../core/codes.js';
import { type CommandContext, answer, summary } from './context.js';

export interface RemasterFlags {
  readonly to?: string;
}

export async function remasterCommand(
  context: CommandContext,
  flags: RemasterFlags,
  [name = '']: readonly string[],
): Promise<ExitCode> {
  const handyrep = await context.open();
  return answer(context, await handyrep.remaster(name, flags), summary);
}
