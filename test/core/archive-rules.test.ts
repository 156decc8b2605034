import { expect, test } from 'vitest';
import { type ArchiveLimits, type ArchiverFacts, judgeArchiver } from '../../src/core/archive-rules.js';

const SEGMENT = 16 * 1024 * 1024;
const LIMITS: ArchiveLimits = { archiving: true, backlog: 4 * SEGMENT, delay: 300_000 };
const EARLY = '2026-03-01T11:00:00.000Z';
const LATE = '2026-03-01T12:00:00.000Z';

function archiver(more: Partial<ArchiverFacts> = {}): ArchiverFacts {
  return {
    mode: 'on',
    in_recovery: false,
    ready: 0,
    waiting_ms: null,
    segment_bytes: SEGMENT,
    last_archived_wal: '000000010000000000000007',
    last_archived: LATE,
    last_failed_wal: null,
    last_failed: null,
    failed_count: 0,
    ...more,
  };
}

const failed = { last_failed_wal: '000000010000000000000008', failed_count: 3, ready: 1, waiting_ms: 1000 };

test.each<{
  when: string;
  facts: Partial<ArchiverFacts>;
  master?: ArchiverFacts;
  limits?: Partial<ArchiveLimits>;
  issues: readonly string[];
}>([
  { when: 'all is archived', facts: {}, issues: [] },
  { when: 'some wait for a moment', facts: { ready: 4, waiting_ms: 300_000 }, issues: [] },
  {
    when: 'more wait than may',
    facts: { ready: 5, waiting_ms: 1000 },
    issues: ['its archive has fallen behind: 5 segment(s), 80 MB, wait, more than 64MB'],
  },
  {
    when: 'one waits too long, and nothing ever failed: the command hangs',
    facts: { ready: 1, waiting_ms: 300_001, last_archived: null },
    issues: ['its archive has fallen behind: a segment has waited for 5 m (nothing was ever archived)'],
  },
  {
    when: 'the last word was a failure',
    facts: { ...failed, last_archived: EARLY, last_failed: LATE },
    issues: [
      `its archiver fails on 000000010000000000000008 (3 failures, 1 segment(s), 16 MB, wait; the last success was at ${EARLY})`,
    ],
  },
  {
    when: 'it has failed and nothing was ever archived',
    facts: { ...failed, last_archived: null, last_failed: LATE, waiting_ms: 999_999 },
    issues: [
      'its archiver fails on 000000010000000000000008 (3 failures, 1 segment(s), 16 MB, wait; nothing was ever archived)',
    ],
  },
  {
    when: 'it fails and is far behind',
    facts: { ...failed, ready: 9, last_archived: EARLY, last_failed: LATE },
    issues: [expect.stringContaining('fails on'), expect.stringContaining('144 MB, wait, more than 64MB')],
  },
  {
    when: 'it failed and has recovered',
    facts: { ...failed, ready: 0, last_archived: LATE, last_failed: EARLY },
    issues: [],
  },
  {
    when: 'a replica that archives when it is promoted',
    facts: { in_recovery: true, ready: 99, last_failed: LATE, last_archived: null },
    issues: [],
  },
  {
    when: 'a replica that archives always',
    facts: { in_recovery: true, mode: 'always', ready: 99 },
    issues: ['its archive has fallen behind: 99 segment(s), 1.55 GB, wait, more than 64MB'],
  },
  {
    when: 'a replica that would not archive after a failover',
    facts: { in_recovery: true, mode: 'off' },
    master: archiver(),
    issues: ['its archive_mode is off and the master archives: after a failover to it nothing would be archived'],
  },
  { when: 'nobody archives, and nobody should', facts: { mode: 'off' }, limits: { archiving: false }, issues: [] },
  {
    when: 'a replica of a master that does not archive',
    facts: { in_recovery: true, mode: 'off' },
    master: archiver({ mode: 'off' }),
    issues: [],
  },
  { when: 'a replica of a master that nobody could ask', facts: { in_recovery: true, mode: 'off' }, issues: [] },
  {
    when: 'nobody archives, and somebody should',
    facts: { mode: 'off' },
    issues: ['archive.archiving is true, and its archive_mode is off'],
  },
])('$when', ({ facts, master = null, limits = {}, issues }) => {
  expect(judgeArchiver(archiver(facts), master, { ...LIMITS, ...limits })).toEqual(issues);
});
