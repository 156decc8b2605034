import type { ExitCode } from '../core/codes.js';
import { drillText } from '../report/drill-text.js';
import { widthOf } from './color.js';
import { type CommandContext, answer, summary, usageError } from './context.js';

export interface DrillFlags {
  readonly kill?: readonly string[];
  readonly freeze?: readonly string[];
  readonly busy?: readonly string[];
  readonly cut?: readonly string[];
}

export async function drillCommand(context: CommandContext, flags: DrillFlags): Promise<ExitCode> {
  const { kill = [], freeze = [], busy = [], cut = [] } = flags;
  const ends = cut.map(bothEnds);
  const handyrep = await context.open();
  return answer(context, await handyrep.drill({ kill, freeze, busy, cut: ends }), (report) => {
    if (!('survives' in report)) return summary(report);
    const verbose = context.globals.verbose === true;
    const text = drillText(report, { color: context.color, width: widthOf(context), verbose });
    const named = kill.length + freeze.length + busy.length + cut.length;
    return named > 0 ? text : `no fault was named: the master is imagined killed\n${text}`;
  });
}

function bothEnds(text: string): readonly [string, string] {
  const [a = '', b = '', ...rest] = text.split(':');
  if (a !== '' && b !== '' && rest.length === 0) return [a, b];
  throw usageError(`--cut ${text} does not name two ends`, 'as in --cut manager:db1, or --cut db2:db1');
}
