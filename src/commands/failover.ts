import { EXIT, type ExitCode } from '../core/codes.js';
import type { Report } from '../report/report.js';
import type { CheckReport } from '../service/reports.js';
import { confirm } from './confirm.js';
import { type CommandContext, answer } from './context.js';
import { checkText } from './failover-check.js';

export interface FailoverFlags {
  readonly to?: string;
  readonly remaster?: boolean;
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

export async function failoverCommand(context: CommandContext, flags: FailoverFlags): Promise<ExitCode> {
  const handyrep = await context.open();
  const options = {
    ...(flags.to === undefined ? {} : { to: flags.to }),
    force: flags.force === true,
    no_remaster: flags.remaster === false,
  };
  const say = (report: CheckReport | Report): ExitCode => answer(context, report, (one) => checkText(context, one));
  const dry = flags.dryRun === true;
  if (dry || context.globals.yes !== true) {
    const rehearsed = await handyrep.failover({ ...options, dry_run: true });
    // What would be refused is answered, and not asked.
    if (dry || !isPossible(rehearsed)) return say(rehearsed);
    if (context.globals.json !== true) context.stderr.write(`${checkText(context, rehearsed)}\n\n`);
    await confirm(context, 'Shall the part of the master move, as printed above?');
  }
  return say(await handyrep.failover(options));
}

function isPossible(report: CheckReport | Report): boolean {
  return report.exit_code !== EXIT.refused && 'decision' in report && report.plan.length > 0;
}
