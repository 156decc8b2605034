import type { ExitCode } from '../core/codes.js';
import type { CopyProgress } from '../plugin/contract.js';
import { confirm } from './confirm.js';
import { type CommandContext, answer, summary } from './context.js';

export interface RejoinFlags {
  readonly reclone?: boolean;
}

const QUESTION =
  'rejoin stops PostgreSQL on this server, and overwrites what has diverged from the master (that WAL is kept beside it); go on?';

export async function rejoinCommand(
  context: CommandContext,
  flags: RejoinFlags,
  [name = '']: readonly string[],
): Promise<ExitCode> {
  const handyrep = await context.open();
  await confirm(context, `${name}: ${QUESTION}`);
  const report = await handyrep.rejoin(name, { reclone: flags.reclone === true, progress: progressLines(context) });
  return answer(context, report, summary);
}

const LINE_EVERY_MS = 10_000;

/** One line a phase, and every ten seconds how far it is. */
function progressLines(context: CommandContext): (seen: CopyProgress) => void {
  let phase = '';
  let last = 0;
  return (seen) => {
    const now = performance.now();
    if (context.globals.quiet === true || (seen.phase === phase && now - last < LINE_EVERY_MS)) return;
    phase = seen.phase;
    last = now;
    const mb = (bytes: number): string => `${Math.ceil(bytes / 1048576)} MB`;
    const far = seen.total === null ? '' : `, ${mb(seen.bytes)} of ${mb(seen.total)}`;
    context.stderr.write(`${seen.phase}${far}\n`);
  };
}
