import type { ExitCode } from '../core/codes.js';
import { type CommandContext, answer, summary, usageError } from './context.js';

export interface PauseFlags {
  /** Milliseconds. */
  readonly for?: number;
  readonly reason?: string;
}

export async function pauseCommand(context: CommandContext, flags: PauseFlags): Promise<ExitCode> {
  if (flags.for === 0) throw usageError('--for must be more than 0');
  const handyrep = await context.open();
  return answer(context, await handyrep.pause(flags), summary);
}

export async function resumeCommand(context: CommandContext): Promise<ExitCode> {
  const handyrep = await context.open();
  return answer(context, await handyrep.resume(), summary);
}

export async function ackCommand(context: CommandContext): Promise<ExitCode> {
  const handyrep = await context.open();
  return answer(context, await handyrep.ack(), summary);
}
