import type { ExitCode } from '../core/codes.js';
import { didYouMean } from '../core/suggest.js';
import type { Report } from '../report/report.js';
import { sanitize } from '../report/sanitize.js';
import type { ArchiveCleanupReport, ArchiveReport } from '../service/archive-commands.js';
import type { HandyRep } from '../service/handyrep.js';
import { type CommandContext, answer, summary, usageError } from './context.js';

export interface ArchiveFlags {
  readonly dryRun?: boolean;
}

type Answer = Promise<ArchiveReport | ArchiveCleanupReport | Report>;

const ACTIONS = {
  start: (handyrep: HandyRep): Answer => handyrep.startArchiving(),
  stop: (handyrep: HandyRep): Answer => handyrep.stopArchiving(),
  status: (handyrep: HandyRep): Answer => handyrep.archiveStatus(),
  cleanup: (handyrep: HandyRep, dry_run: boolean): Answer => handyrep.cleanUpArchive({ dry_run }),
} as const;

export async function archiveCommand(
  context: CommandContext,
  flags: ArchiveFlags,
  [word = '']: readonly string[],
): Promise<ExitCode> {
  const action = Object.entries(ACTIONS).find(([name]) => name === word)?.[1];
  const known = Object.keys(ACTIONS);
  if (action === undefined) {
    const hint = didYouMean(word, known) ?? undefined;
    throw usageError(`archive has ${known.join(', ')}, not ${JSON.stringify(word)}`, hint);
  }
  const dry_run = flags.dryRun === true;
  if (dry_run && word !== 'cleanup') throw usageError('--dry-run is for `archive cleanup`');
  return answer(context, await action(await context.open(), dry_run), text);
}

function text(report: ArchiveReport | ArchiveCleanupReport | Report): string {
  if ('places' in report) return [summary(report), `  needed: ${sanitize(report.needed_by)}`].join('\n');
  if (!('servers' in report)) return summary(report);
  const lines = report.servers.flatMap(({ server, archive_script, stopped, places, archiver, issues, settings }) => {
    const wrong = [...(places === null ? [] : [places]), ...archiver, ...issues];
    const state = wrong.length > 0 ? wrong.join('; ') : stopped === null ? `${archive_script ?? ''} works` : 'stopped';
    const missing = settings.map(({ line, restart }) => `    ${line}${restart ? '    # and a restart' : ''}`);
    const heading = settings.length === 0 ? [] : ['    postgresql.conf must say:'];
    return [`  ${server}  ${sanitize(state)}`, ...heading, ...missing];
  });
  return [summary(report), ...lines].join('\n');
}
