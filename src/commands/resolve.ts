import type { ExitCode } from '../core/codes.js';
import type { Report } from '../report/report.js';
import { sanitize } from '../report/sanitize.js';
import { operationText } from '../report/text.js';
import type { RebuildView, ResolveReport } from '../service/resolve.js';
import { withConsent } from './confirm.js';
import { type CommandContext, answer, summary, usageError } from './context.js';

export interface ResolveFlags {
  readonly finish?: boolean;
  readonly abandon?: boolean;
}

export async function resolveCommand(context: CommandContext, flags: ResolveFlags): Promise<ExitCode> {
  if (flags.finish === true && flags.abandon === true) throw usageError('it is --finish or --abandon, not both');
  const how = flags.finish === true ? 'finish' : flags.abandon === true ? 'abandon' : null;
  const handyrep = await context.open();
  const report = await withConsent(context, (yes) => handyrep.resolve(how === null ? {} : { how, yes }));
  return answer(context, report, text);
}

function text(report: ResolveReport | Report): string {
  if (!('rebuilds' in report)) return summary(report);
  const { operation, rebuilds } = report;
  const steps = operation === null ? [] : [operationText(operation)];
  return [summary(report), ...steps, ...rebuilds.map(rebuildText)].join('\n');
}

function rebuildText({ server, kind, begun, touched, broken }: RebuildView): string {
  const how = broken === null ? 'is under way' : `was broken off: ${sanitize(broken)}`;
  const state = touched
    ? 'its data directory is half made and is not to be started'
    : 'its data directory is untouched';
  return `  the ${kind} of ${server}, begun at ${begun}, ${how}; ${state}`;
}
