import { type Add, duration } from '../spec.js';

/** What crontab runs. */
export function registerChecks(add: Add): void {
  add({
    usage: 'poll [servers...]',
    description: 'light check of all enabled servers at once: does each answer, in the role that is recorded?',
    example: 'handyrep poll',
    load: async () => (await import('../poll.js')).pollCommand,
  });
  add({
    usage: 'verify [servers...]',
    description: 'thorough check: also a real write, replication, ssh, the witness view, slots, disks, clocks',
    example: 'handyrep --json verify db2',
    load: async () => (await import('../poll.js')).verifyCommand,
  });
  add({
    usage: 'failover-check',
    description: 'the cron job: checks, decides, and fails over when the master is lost',
    example: 'handyrep failover-check --for 55s',
    options: [
      ['--verify', 'check thoroughly, whatever verify_interval says'],
      ['--dry-run', 'print the decision, its evidence and the plan; change nothing anywhere'],
      ['--for <duration>', 'repeat inside this process until the time is over', duration],
      ['--every <duration>', 'with --for: how often (default: poll_interval)', duration],
    ],
    load: async () => (await import('../failover-check.js')).failoverCheckCommand,
  });
}
