import { type Add } from '../spec.js';

/** Configuration, servers and set-up. */
export function registerManaging(add: Add): void {
  add({
    usage: 'adopt',
    description:
      'records the master that lives where another one is on record; refuses where that is ambiguous, shows what would change, and asks',
    example: 'handyrep adopt --dry-run',
    options: [['--dry-run', 'print what was seen and what would change; change nothing anywhere']],
    load: async () => (await import('../adopt.js')).adoptCommand,
  });
  add({
    usage: 'config <action> [key]',
    description: 'config check: every problem with its place; config show [KEY]: what is in effect, secrets masked',
    example: 'handyrep config show failover',
    load: async () => (await import('../config.js')).configCommand,
  });
  add({
    usage: 'server <action> [name] [assignments...]',
    description:
      'server list; show, enable, disable or remove NAME; add or alter NAME key=value...: the servers that are known',
    example: 'handyrep server add db4 hostname=10.0.0.14 failover_priority=4',
    load: async () => (await import('../server.js')).serverCommand,
  });
  add({
    usage: 'alert <action>',
    description:
      'alert list: what people were told and what is still to be sent; alert test: sends a test by every method',
    example: 'handyrep alert test',
    load: async () => (await import('../alert.js')).alertCommand,
  });
  add({
    usage: 'proxy <action> [names...]',
    description:
      'proxy init: writes the configuration of the proxies (all, or NAMES) for the master of now, and has them take it; ' +
      'proxy status: asks each where it sends its clients. Code 0: all as they should be',
    example: 'handyrep proxy init pgb1',
    load: async () => (await import('../proxy.js')).proxyCommand,
  });
  add({
    usage: 'archive <action>',
    description:
      'archive start: installs the archive scripts everywhere, lets them work, and tries them; archive stop: WAL is kept and not ' +
      'archived, so the disk of the master fills; archive status: looks; archive cleanup: deletes what is old and not needed',
    example: 'handyrep archive cleanup --dry-run',
    options: [['--dry-run', 'of cleanup: count what would be deleted, and delete nothing']],
    load: async () => (await import('../archive.js')).archiveCommand,
  });
  add({
    usage: 'init',
    description: 'creates the roles, grants, schema and table on the master, as superuser',
    example: 'handyrep init --print-sql | psql -U postgres -h db1',
    options: [['--print-sql', 'print the SQL instead of running it']],
    load: async () => (await import('../init.js')).initCommand,
  });
  add({
    usage: 'doctor',
    description: 'checks everything that a failover will need, and prints the fix for what is missing; changes nothing',
    example: 'handyrep doctor',
    options: [
      ['--timings', 'instead: the longest that each kind of run can last; -v shows what it is made of'],
      ['--sudoers', 'instead: the lines for /etc/sudoers.d that are enough on each host'],
    ],
    load: async () => (await import('../doctor.js')).doctorCommand,
  });
  add({
    usage: 'cron',
    description: 'the crontab lines for this configuration',
    example: 'handyrep cron --install',
    options: [
      ['--install', "put them into this user's crontab; run again, they are replaced"],
      ['--remove', 'take them out of it; nothing else in it is touched'],
    ],
    load: async () => (await import('../cron.js')).cronCommand,
  });
  add({
    usage: 'completion <shell>',
    description: 'a completion script for bash, zsh or fish: commands, flags, and the names of the servers',
    example: 'handyrep completion bash > /etc/bash_completion.d/handyrep',
    load: async () => (await import('../completion.js')).completionCommand,
  });
  add({
    usage: 'demo',
    description: 'a throwaway cluster on this machine whose master dies: shows a whole failover',
    example: 'handyrep demo',
    load: async () => (await import('../demo.js')).demoCommand,
  });
}
