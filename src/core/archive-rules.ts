import { formatSize, roughDuration, roughSize } from './duration.js';

/** What a server says of its WAL archiver ("pg_stat_archiver"). */
export interface ArchiverFacts {
  /** `always`: a standby archives too; `on`: it begins when it is promoted. */
  readonly mode: 'off' | 'on' | 'always';
  readonly in_recovery: boolean;
  /** Segments that wait for the archiver. */
  readonly ready: number;
  /** Milliseconds since the one that waits longest was complete; null where none waits. */
  readonly waiting_ms: number | null;
  readonly segment_bytes: number;
  readonly last_archived_wal: string | null;
  /** ISO 8601. */
  readonly last_archived: string | null;
  readonly last_failed_wal: string | null;
  readonly last_failed: string | null;
  readonly failed_count: number;
}

/** A server's archiver as `verify` shows it. */
export type ArchiverView = ArchiverFacts & { readonly server: string };

export interface ArchiveLimits {
  /** The configuration says that WAL is archived. */
  readonly archiving: boolean;
  /** Bytes that may wait. */
  readonly backlog: number;
  /** Milliseconds that a segment may wait. */
  readonly delay: number;
}

/** What is wrong with the archiving of one server, in words; empty when nothing is. `master` is what the master says. */
export function judgeArchiver(
  facts: ArchiverFacts,
  master: ArchiverFacts | null,
  limits: ArchiveLimits,
): readonly string[] {
  if (facts.mode === 'off') return judgeOff(facts, master, limits);
  if (facts.in_recovery && facts.mode === 'on') return [];
  const issues: string[] = [];
  const waits = `${facts.ready} segment(s), ${roughSize(facts.ready * facts.segment_bytes)}, wait`;
  const since =
    facts.last_archived === null ? 'nothing was ever archived' : `the last success was at ${facts.last_archived}`;
  if (isFailing(facts)) {
    issues.push(
      `its archiver fails on ${facts.last_failed_wal ?? 'a segment'} (${facts.failed_count} failures, ${waits}; ${since})`,
    );
  }
  if (facts.ready * facts.segment_bytes > limits.backlog) {
    issues.push(`its archive has fallen behind: ${waits}, more than ${formatSize(limits.backlog)}`);
  } else if (issues.length === 0 && facts.waiting_ms !== null && facts.waiting_ms > limits.delay) {
    issues.push(
      `its archive has fallen behind: a segment has waited for ${roughDuration(facts.waiting_ms)} (${since})`,
    );
  }
  return issues;
}

/** The archiver's last word was a failure. */
function isFailing({ last_failed, last_archived }: ArchiverFacts): boolean {
  return last_failed !== null && (last_archived === null || Date.parse(last_failed) > Date.parse(last_archived));
}

function judgeOff(facts: ArchiverFacts, master: ArchiverFacts | null, limits: ArchiveLimits): readonly string[] {
  if (facts.in_recovery && master !== null && master.mode !== 'off') {
    return ['its archive_mode is off and the master archives: after a failover to it nothing would be archived'];
  }
  if (!facts.in_recovery && limits.archiving) return ['archive.archiving is true, and its archive_mode is off'];
  return [];
}
