import { type Add, count, duration, each } from '../spec.js';

/** Looks, and changes nothing. */
export function registerLooking(add: Add): void {
  add({
    usage: 'status',
    description: 'what the last check found; opens no connection unless asked to check',
    example: 'handyrep status --watch',
    options: [
      ['--check <how>', 'cached (default), poll or verify'],
      ['--format <format>', 'text (default), json, nagios, prometheus or html'],
      ['--output <file>', 'write it there, as a whole, in place of printing it'],
      ['--watch', 'show it again and again, until interrupted'],
      ['--every <duration>', 'with --watch: how often (default: 2s)', duration],
    ],
    load: async () => (await import('../status.js')).statusCommand,
  });
  add({
    usage: 'log-tail',
    description: 'the last lines of the log',
    example: 'handyrep log-tail -n 50 --category FAILOVER',
    options: [
      ['-n, --lines <count>', 'how many lines (default: 20)', count],
      ['-f, --follow', 'print new lines as they come, until interrupted'],
      ['--category <name>', 'only this category'],
      ['--since <time>', 'only lines since this time (ISO 8601) or this long ago (1h)'],
    ],
    load: async () => (await import('../log-tail.js')).logTailCommand,
  });
  add({
    usage: 'history',
    description: 'past failovers and other operations, newest first; -v shows their evidence and steps',
    example: 'handyrep history --limit 1 -v',
    options: [['--limit <count>', 'how many (default: all that are kept)', count]],
    load: async () => (await import('../history.js')).historyCommand,
  });
  add({
    usage: 'explain [run-id]',
    description:
      'why a decision was what it was: what was known, the rules, the candidates, and what would have changed it. ' +
      'Without RUN-ID (its first digits are enough; the log names it) the newest one',
    example: 'handyrep explain --last-failover',
    options: [
      ['--last-failover', 'the last decision to fail over'],
      ['--rules', 'print the table of rules that decides'],
    ],
    load: async () => (await import('../explain.js')).explainCommand,
  });
  add({
    usage: 'replay <file-or-run-id>',
    description:
      'decides again what was recorded: of a run, or of a FILE with lines of an evidence journal (a bug report). ' +
      'Code 0: the same decisions; 1: another one; 2: nothing could be read',
    example: 'handyrep replay handyrep.evidence.jsonl --config stricter.conf.yaml',
    options: [['-c, --config <other>', 'decide by the policy of this configuration, not by the one that was recorded']],
    load: async () => (await import('../replay.js')).replayCommand,
  });
  add({
    usage: 'drill',
    description:
      'what would happen if: lays imagined faults over the live cluster, and prints the decision, who would be promoted, ' +
      'every command, the outage and the loss. Touches nothing. Without a fault the master is imagined killed. ' +
      'Code 0: the cluster would survive',
    example: 'handyrep drill --freeze db1 --cut manager:db3',
    options: [
      ['--kill <name>', 'its PostgreSQL is killed; its host lives. Every flag can be given several times', each],
      ['--freeze <name>', 'its PostgreSQL stands still, as on a hung disk', each],
      ['--cut <a:b>', 'the two cannot reach each other; `manager` is this host', each],
      ['--busy <name>', 'all its connections are in use', each],
    ],
    load: async () => (await import('../drill.js')).drillCommand,
  });
}
