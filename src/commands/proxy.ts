import type { ExitCode } from '../core/codes.js';
import { didYouMean } from '../core/suggest.js';
import { proxyTable } from '../report/text.js';
import type { HandyRep } from '../service/handyrep.js';
import { type CommandContext, answer, summary, usageError } from './context.js';

const ACTIONS = {
  init: (handyrep: HandyRep, names: readonly string[]) => handyrep.initProxies(...names),
  status: (handyrep: HandyRep, names: readonly string[]) => handyrep.proxyStatus(...names),
} as const;

export async function proxyCommand(
  context: CommandContext,
  _options: object,
  [word = '', ...names]: readonly string[],
): Promise<ExitCode> {
  const action = Object.entries(ACTIONS).find(([name]) => name === word)?.[1];
  if (action === undefined) {
    const known = Object.keys(ACTIONS);
    throw usageError(
      `proxy has ${known.join(' and ')}, not ${JSON.stringify(word)}`,
      didYouMean(word, known) ?? undefined,
    );
  }
  return answer(context, await action(await context.open(), names), (report) => {
    if (!('proxies' in report)) return summary(report);
    return [summary(report), ...proxyTable(report.proxies, context.color)].join('\n');
  });
}
