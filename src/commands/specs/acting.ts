import { type Add, duration } from '../spec.js';

/** Acts on the cluster. */
export function registerActing(add: Add): void {
  add({
    usage: 'failover',
    description:
      'switches over to a replica while the master lives, without losing a commit; replaces a master that is lost',
    example: 'handyrep failover --to db2 --dry-run',
    options: [
      ['--to <server>', 'whom to promote (default: selection_method chooses)'],
      ['--no-remaster', 'leave the other replicas as they are'],
      ['--force', 'go on although the preflight found something, or more may be lost than max_data_loss'],
      ['--dry-run', 'print the plan with every command, and what speaks against it; change nothing'],
    ],
    load: async () => (await import('../failover.js')).failoverCommand,
  });
  add({
    usage: 'promote <server>',
    description: 'promotes a replica in place of a master that is lost',
    example: 'handyrep promote db2 --dry-run',
    options: [
      ['--force', 'accept a loss over max_data_loss, and a fencing that stays owed'],
      ['--dry-run', 'print the decision, its evidence and the plan; change nothing anywhere'],
    ],
    load: async () => (await import('../promote.js')).promoteCommand,
  });
  add({
    usage: 'pause',
    description: 'switches automatic action off; checks go on',
    example: 'handyrep pause --for 1h --reason "kernel update"',
    options: [
      ['--for <duration>', 'until then (default: until `handyrep resume`)', duration],
      ['--reason <text>', 'shown by status and in decisions'],
    ],
    load: async () => (await import('../operator.js')).pauseCommand,
  });
  add({
    usage: 'resume',
    description: 'switches automatic action on again',
    example: 'handyrep resume',
    load: async () => (await import('../operator.js')).resumeCommand,
  });
  add({
    usage: 'ack',
    description: 'the last automatic failover has been seen: the wait before the next one ends',
    example: 'handyrep ack',
    load: async () => (await import('../operator.js')).ackCommand,
  });
}
