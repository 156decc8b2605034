import { parseLsn } from '../core/lsn.js';
import type { ServerDef } from '../core/model.js';
import type { TimelineHistory } from '../core/observation.js';
import { ok, type Outcome } from '../core/outcome.js';
import { parseTimelineHistory } from '../core/timeline.js';
import type { SqlOptions, SqlRow, SystemIdentity } from '../plugin/contract.js';
import { unreadable } from './sql-failure.js';
import type { Opener } from './sql-session.js';

/** IDENTIFY_SYSTEM ("Streaming Replication Protocol", protocol-replication). */
export async function identify(open: Opener, server: ServerDef, options: SqlOptions): Promise<Outcome<SystemIdentity>> {
  const answer = await ask(open, server, 'IDENTIFY_SYSTEM', options);
  if (!answer.ok) return answer;
  const row = answer.value[0];
  const lsn = parseLsn(row?.['xlogpos'] ?? '');
  const timeline = Number(row?.['timeline'] ?? Number.NaN);
  const system_identifier = row?.['systemid'] ?? '';
  if (lsn === null || !Number.isInteger(timeline) || system_identifier === '') {
    return unreadable(server, 'IDENTIFY_SYSTEM');
  }
  return ok({ system_identifier, timeline, lsn });
}

/** TIMELINE_HISTORY of a timeline; null for the first, which has no history file. */
export async function timelineHistory(
  open: Opener,
  server: ServerDef,
  timeline: number,
  options: SqlOptions,
): Promise<Outcome<TimelineHistory | null>> {
  if (timeline === 1) return ok(null);
  const answer = await ask(open, server, `TIMELINE_HISTORY ${String(Math.trunc(timeline))}`, options);
  if (!answer.ok) return answer;
  const history = parseTimelineHistory(timeline, contentOf(answer.value[0]));
  return history === null ? unreadable(server, 'TIMELINE_HISTORY') : ok(history);
}

/** The column is declared as bytea and sent as it is in the file; a server that encodes it is understood too. */
function contentOf(row: SqlRow | undefined): string {
  const content = row?.['content'] ?? '';
  return content.startsWith('\\x') ? Buffer.from(content.slice(2), 'hex').toString('utf8') : content;
}

/** pg_hba.conf has separate lines for the two kinds of replication connection; either will do. */
async function ask(open: Opener, server: ServerDef, text: string, options: SqlOptions): Promise<Outcome<SqlRow[]>> {
  let session = await open(server, options, 'true');
  if (session.kind === 'none' && session.failed.error.cause === '28000') {
    const other = await open(server, options, 'database');
    if (other.kind === 'open') session = other;
  }
  if (session.kind === 'none') return session.failed;
  const { outcome } = await session.run({ text }, 'simple');
  await session.close();
  return outcome;
}
