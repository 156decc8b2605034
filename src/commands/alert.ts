import type { ExitCode } from '../core/codes.js';
import { sanitize } from '../report/sanitize.js';
import { type CommandContext, answer, summary, usageError } from './context.js';

export async function alertCommand(
  context: CommandContext,
  _options: object,
  [action = '', extra]: readonly string[],
): Promise<ExitCode> {
  if (extra !== undefined) throw usageError(`alert ${action} takes no ${JSON.stringify(extra)}`);
  if (action === 'test') return test(context);
  if (action === 'list') return list(context);
  throw usageError(`alert has list and test, not ${JSON.stringify(action)}`);
}

async function test(context: CommandContext): Promise<ExitCode> {
  const handyrep = await context.open();
  return answer(context, await handyrep.testAlerts(), (report) => {
    if (!('methods' in report)) return summary(report);
    const lines = report.methods.map(
      ({ method, ok, details }) => `${ok ? 'ok  ' : 'FAIL'} ${method}: ${sanitize(details)}`,
    );
    return [
      ...lines,
      `${report.result}: ${report.methods.filter(({ ok }) => ok).length} of ${report.methods.length} method(s) sent it`,
    ].join('\n');
  });
}

async function list(context: CommandContext): Promise<ExitCode> {
  const handyrep = await context.open();
  return answer(context, await handyrep.listAlerts(), (report) => {
    if (!('open' in report)) return summary(report);
    const open = report.open.map(
      ({ server, status, since, told, next }) =>
        `${server ?? 'the cluster'} is ${status} since ${since}; told at ${told}, again not before ${next}`,
    );
    const unsent = report.unsent.map(
      ({ method, at, tries, message }) => `not sent by ${method}, tried ${tries} times: ${at} ${sanitize(message)}`,
    );
    return [...open, ...unsent, summary(report)].join('\n');
  });
}
