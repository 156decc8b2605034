import { type Add, duration } from '../spec.js';

/** Acts on the cluster. */
export function registerActing(add: Add): void {
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
    usage: 'rejoin <server>',
    description: 'makes a former master a replica of the new one: keeps the WAL that only it has, rewinds, starts',
    example: 'handyrep rejoin db1',
    options: [['--reclone', 'where pg_rewind cannot work, copy everything anew']],
    load: async () => (await import('../rejoin.js')).rejoinCommand,
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
