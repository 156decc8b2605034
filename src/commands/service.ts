import type { ExitCode } from '../core/codes.js';
import type { StopMode } from '../plugin/contract.js';
import { type CommandContext, answer, summary } from './context.js';
import { withConsent } from './confirm.js';

export interface StopFlags {
  readonly mode?: StopMode;
}

export async function startCommand(
  context: CommandContext,
  _flags: object,
  [name = '']: readonly string[],
): Promise<ExitCode> {
  const handyrep = await context.open();
  return answer(context, await handyrep.start(name), summary);
}

export async function stopCommand(
  context: CommandContext,
  flags: StopFlags,
  [name = '']: readonly string[],
): Promise<ExitCode> {
  const handyrep = await context.open();
  const report = await withConsent(context, (yes) => handyrep.stop(name, { ...flags, yes }));
  return answer(context, report, summary);
}

export async function restartCommand(
  context: CommandContext,
  flags: StopFlags,
  [name = '']: readonly string[],
): Promise<ExitCode> {
  const handyrep = await context.open();
  const report = await withConsent(context, (yes) => handyrep.restart(name, { ...flags, yes }));
  return answer(context, report, summary);
}
