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
    usage: 'clone <server...>',
    description: 'makes servers anew as replicas: copies the master, starts them, waits until they stream',
    example: 'handyrep clone db3 --reclone --yes',
    options: [
      ['--from <server>', 'copy from this replica instead of the master'],
      ['--reclone', 'stop a replica that runs, and replace the data that is there'],
      ['--force', 'with --reclone: replace even the data of another cluster'],
    ],
    load: async () => (await import('../clone.js')).cloneCommand,
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
