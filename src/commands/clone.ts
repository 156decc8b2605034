import type { ExitCode } from '../core/codes.js';
import type { Report } from '../report/report.js';
import { sanitize } from '../report/sanitize.js';
import type { CloneReport } from '../service/clone.js';
import { confirm } from './confirm.js';
import { type CommandContext, answer, summary } from './context.js';
import { showProgress } from './progress.js';

export interface CloneFlags {
  readonly from?: string;
  readonly reclone?: boolean;
  readonly force?: boolean;
}

export async function cloneCommand(
  context: CommandContext,
  flags: CloneFlags,
  names: readonly string[],
): Promise<ExitCode> {
  const handyrep = await context.open();
  if (flags.reclone === true) {
    const places = names.map((name) => {
      const server = handyrep.configuredServers.find((one) => one.name === name);
      return server === undefined ? name : `${name} (${server.pgdata} on ${server.hostname})`;
    });
    await confirm(context, `replace whatever the data directory of ${places.join(', ')} holds?`);
  }
  const show = showProgress(context);
  try {
    const report = await handyrep.clone(names, { ...flags, progress: show.seen });
    show.end();
    return answer(context, report, cloneText);
  } finally {
    show.end();
  }
}

function cloneText(report: CloneReport | Report): string {
  if (!('servers' in report) || report.servers.length < 2) return summary(report);
  const lines = report.servers.map((one) => {
    const hint = one.hint === undefined ? '' : `\n    hint: ${sanitize(one.hint)}`;
    return `  ${one.server}: ${one.result}: ${sanitize(one.details)}${hint}`;
  });
  return [summary(report), ...lines].join('\n');
}
