import type { ExitCode } from '../core/codes.js';
import { ruleTable } from '../core/rules.js';
import { success } from '../report/report.js';
import { rulesText } from '../report/text.js';
import { type CommandContext, answer, usageError } from './context.js';

export function explainCommand(context: CommandContext, flags: { readonly rules?: boolean }): Promise<ExitCode> {
  if (flags.rules !== true) throw usageError('explain needs --rules', 'handyrep explain --rules');
  const rules = ruleTable();
  const report = success('the rules, in the order in which they are asked; the first that fits decides', { rules });
  return Promise.resolve(answer(context, report, () => rulesText(rules)));
}
