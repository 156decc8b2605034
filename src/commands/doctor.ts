import type { ExitCode } from '../core/codes.js';
import { doctorText } from '../report/doctor-text.js';
import { sudoersText } from '../report/sudoers-text.js';
import { timingsText } from '../report/timings-text.js';
import { widthOf } from './color.js';
import { type CommandContext, answer, summary, usageError } from './context.js';

export interface DoctorFlags {
  readonly timings?: boolean;
  readonly sudoers?: boolean;
}

export async function doctorCommand(
  context: CommandContext,
  { timings = false, sudoers = false }: DoctorFlags,
): Promise<ExitCode> {
  if (timings && sudoers) throw usageError('--timings and --sudoers are two answers', 'ask for one of them');
  const handyrep = await context.open();
  if (timings) {
    const verbose = context.globals.verbose === true;
    return answer(context, await handyrep.timings(), (report) =>
      'timings' in report ? `${timingsText(report.timings, verbose)}\n${summary(report)}` : summary(report),
    );
  }
  if (sudoers) {
    return answer(context, await handyrep.sudoers(), (report) =>
      'sudoers' in report ? sudoersText(report) : summary(report),
    );
  }
  const options = { color: context.color, width: widthOf(context) };
  return answer(context, await handyrep.doctor(), (report) =>
    'findings' in report ? doctorText(report, options) : summary(report),
  );
}
