import type { ExitCode } from '../core/codes.js';
import type { CommandContext } from './context.js';

export async function demoCommand(context: CommandContext): Promise<ExitCode> {
  const { runDemo } = await import('../demo/demo.js');
  return runDemo(context);
}
