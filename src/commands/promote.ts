import type { ExitCode } from '../core/codes.js';
import { type CommandContext, answer } from './context.js';
import { checkText } from './failover-check.js';

export interface PromoteFlags {
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

export async function promoteCommand(
  context: CommandContext,
  flags: PromoteFlags,
  [name = '']: readonly string[],
): Promise<ExitCode> {
  const handyrep = await context.open();
  const report = await handyrep.promote(name, { force: flags.force === true, dry_run: flags.dryRun === true });
  return answer(context, report, (one) => checkText(context, one));
}
