import { type Add, duration, oneOf } from '../spec.js';

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
  add({
    usage: 'start <server>',
    description: 'starts a server, and sees that it answers in its recorded role',
    example: 'handyrep start db2',
    load: async () => (await import('../service.js')).startCommand,
  });
  add({
    usage: 'stop <server>',
    description: 'stops a server, and sees that no process of it is left; the master only after a yes',
    example: 'handyrep stop db2 --mode fast',
    options: [MODE],
    load: async () => (await import('../service.js')).stopCommand,
  });
  add({
    usage: 'restart <server>',
    description:
      'restarts a server, and sees that it is a new process in the recorded role; the master only after a yes',
    example: 'handyrep restart db2',
    options: [MODE],
    load: async () => (await import('../service.js')).restartCommand,
  });
  add({
    usage: 'remaster <server>',
    description: 'points a running replica at the master, or at another server, and sees that it streams from there',
    example: 'handyrep remaster db3 --to db2',
    options: [['--to <server>', 'whom it is to follow (default: the master)']],
    load: async () => (await import('../remaster.js')).remasterCommand,
  });
  add({
    usage: 'resolve',
    description: 'shows an unfinished operation and what a check would do with it; finishes it or gives it up',
    example: 'handyrep resolve --finish',
    options: [
      ['--finish', 'do with it what the next failover-check would do'],
      ['--abandon', 'give it up: undo it, or disable the server that was asked to promote itself'],
    ],
    load: async () => (await import('../resolve.js')).resolveCommand,
  });
}

const MODE = [
  '--mode <mode>',
  'fast (default): sessions end, a checkpoint is written; immediate: crash recovery at the next start',
  oneOf('fast', 'immediate'),
] as const;
