import { type Add } from '../spec.js';

/** Configuration, servers and set-up. */
export function registerManaging(add: Add): void {
  add({
    usage: 'config <action> [key]',
    description: 'config check: every problem with its place; config show [KEY]: what is in effect, secrets masked',
    example: 'handyrep config show failover',
    load: async () => (await import('../config.js')).configCommand,
  });
  add({
    usage: 'init',
    description: 'creates the roles, grants, schema and table on the master, as superuser',
    example: 'handyrep init --print-sql | psql -U postgres -h db1',
    options: [['--print-sql', 'print the SQL instead of running it']],
    load: async () => (await import('../init.js')).initCommand,
  });
  add({
    usage: 'demo',
    description: 'a throwaway cluster on this machine whose master dies: shows a whole failover',
    example: 'handyrep demo',
    load: async () => (await import('../demo.js')).demoCommand,
  });
}
