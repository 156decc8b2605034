import type { ExitCode } from '../core/codes.js';
import { ruleTable } from '../core/rules.js';
import { explanationText } from '../report/explanation-text.js';
import { success } from '../report/report.js';
import { rulesText } from '../report/text.js';
import { widthOf } from './color.js';
import { type CommandContext, answer, summary, usageError } from './context.js';

export interface ExplainFlags {
  readonly rules?: boolean;
  readonly lastFailover?: boolean;
}

export async function explainCommand(
  context: CommandContext,
  flags: ExplainFlags,
  [run, ...rest]: readonly string[],
): Promise<ExitCode> {
  if (rest.length > 0) throw usageError('explain takes one RUN-ID');
  if (flags.rules === true) return explainRules(context);
  if (run !== undefined && flags.lastFailover === true) throw usageError('give a RUN-ID or --last-failover, not both');
  const handyrep = await context.open();
  const wanted = run === undefined ? {} : { run };
  const report = await handyrep.explain({ ...wanted, last_failover: flags.lastFailover === true });
  return answer(context, report, (one) => {
    if (!('explanation' in one)) return summary(one);
    for (const line of one.skipped) context.warn(line);
    const options = {
      color: context.color,
      width: widthOf(context),
      verbose: context.globals.verbose === true,
      now: Date.now(),
    };
    const others = one.decisions.filter((name) => name !== one.explanation.name);
    const more = others.length === 0 ? '' : `\n\nother decisions of this run: ${others.join(', ')}`;
    return `${explanationText(one.explanation, options)}${more}`;
  });
}

function explainRules(context: CommandContext): ExitCode {
  const rules = ruleTable();
  const report = success('the rules, in the order in which they are asked; the first that fits decides', { rules });
  return answer(context, report, () => rulesText(rules));
}
