import type { ExitCode } from '../core/codes.js';
import type { Report } from '../report/report.js';
import { sanitize } from '../report/sanitize.js';
import type { AdoptReport } from '../service/adopt.js';
import { withConsent } from './confirm.js';
import { type CommandContext, answer, summary } from './context.js';

export interface AdoptFlags {
  readonly dryRun?: boolean;
}

export async function adoptCommand(context: CommandContext, flags: AdoptFlags): Promise<ExitCode> {
  const handyrep = await context.open();
  let agreed: string | null = null;
  const report = await withConsent(
    context,
    (yes) => handyrep.adopt({ yes, dry_run: flags.dryRun === true, ...(agreed === null ? {} : { master: agreed }) }),
    (asked) => {
      if (!('changes' in asked)) return null;
      agreed = asked.master;
      return table(asked);
    },
  );
  return answer(context, report, text);
}

function text(report: AdoptReport | Report): string {
  return 'changes' in report ? `${summary(report)}\n${table(report)}` : summary(report);
}

/** What was seen, and what is on record of each server before and after. */
function table({ evidence, changes, changed }: AdoptReport): string {
  const width = Math.max(0, ...changes.map(({ server }) => server.length));
  const [was, is] = changed ? ['was', 'is'] : ['is', 'becomes'];
  const rows = changes.map(({ server, before, after }) => {
    const name = server.padEnd(width);
    return before === after ? `  ${name}  stays ${after}` : `  ${name}  ${was} ${before}; ${is} ${after}`;
  });
  return [...evidence.map((line) => `  - ${sanitize(line)}`), ...rows].join('\n');
}
