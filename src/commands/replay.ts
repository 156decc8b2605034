import { stat } from 'node:fs/promises';
import type { ExitCode } from '../core/codes.js';
import { HandyRepError } from '../core/outcome.js';
import { replayText } from '../report/replay-text.js';
import type { HandyRep } from '../service/handyrep.js';
import { widthOf } from './color.js';
import { type CommandContext, answer, summary, usageError } from './context.js';

export interface ReplayFlags {
  readonly config?: string;
}

export async function replayCommand(
  context: CommandContext,
  flags: ReplayFlags,
  [what, ...rest]: readonly string[],
): Promise<ExitCode> {
  if (what === undefined || rest.length > 0) throw usageError('replay takes one FILE or RUN-ID');
  const report = await ask(context, what, flags);
  return answer(context, report, (one) => {
    if (!('decisions' in one)) return summary(one);
    for (const line of one.unreadable) context.warn(line);
    const options = { color: context.color, width: widthOf(context), verbose: context.globals.verbose === true };
    const text = replayText(one.decisions, options);
    return text === '' ? summary(one) : `${summary(one)}\n\n${text}`;
  });
}

/** What came in a bug report needs no configuration of ours; a run is found through ours. */
async function ask(context: CommandContext, what: string, { config }: ReplayFlags): ReturnType<HandyRep['replay']> {
  const options = config === undefined ? {} : { config };
  const handyrep = await openIfThere(context, await isFile(what));
  if (handyrep !== null) return handyrep.replay(what, options);
  const { HandyRep } = await import('../service/handyrep.js');
  return HandyRep.replayFile(what, { ...options, env: context.env });
}

async function openIfThere(context: CommandContext, optional: boolean): Promise<HandyRep | null> {
  try {
    return await context.open();
  } catch (error) {
    const missing = error instanceof HandyRepError && error.failure.code === 'config_not_found';
    if (optional && missing && context.globals.config === undefined) return null;
    throw error;
  }
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => !found.isDirectory(),
    () => false,
  );
}
