import type { ExitCode } from '../core/codes.js';
import { EXIT } from '../core/codes.js';
import type { Report } from '../report/report.js';
import { decisionText, operationText } from '../report/text.js';
import type { CheckReport } from '../service/reports.js';
import { type CommandContext, answer, summary, usageError } from './context.js';

export interface FailoverCheckFlags {
  readonly verify?: boolean;
  readonly dryRun?: boolean;
  /** Milliseconds. */
  readonly for?: number;
  readonly every?: number;
}

export async function failoverCheckCommand(context: CommandContext, flags: FailoverCheckFlags): Promise<ExitCode> {
  if (flags.every !== undefined && flags.for === undefined) throw usageError('--every goes with --for');
  if (flags.every === 0) throw usageError('--every must be more than 0');
  const handyrep = await context.open();
  const options = { verify: flags.verify === true, dry_run: flags.dryRun === true };
  if (flags.for === undefined) {
    return answer(context, await handyrep.failoverCheck(options), (report) => checkText(context, report));
  }
  const every = flags.every === undefined ? {} : { every: flags.every };
  let code: ExitCode = EXIT.success;
  for await (const report of handyrep.failoverChecks({ ...options, for: flags.for, ...every })) {
    code = answer(context, report, (one) => checkText(context, one));
    if (code === EXIT.usage) return code;
  }
  return code;
}

/** The sentence; with a failure, a plan or -v also what it stands on. */
export function checkText(context: CommandContext, report: CheckReport | Report): string {
  if (!('decision' in report)) return summary(report);
  const { decision, operation } = report;
  const lines = [summary(report)];
  const detailed =
    context.globals.verbose === true || report.result === 'FAIL' || report.failed_over || report.plan.length > 0;
  const planned = operation === null ? report : { plan: [], commands: [], preflight: report.preflight };
  if (detailed) lines.push(decisionText(decision, planned));
  if (operation !== null) lines.push(operationText(operation));
  for (const one of report.rejoined) lines.push(`rejoin of ${one.server}: ${one.result}: ${one.details}`);
  return lines.join('\n');
}
