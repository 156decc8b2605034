import { fail, ok } from '../src/core/outcome.js';
import { definePlugin } from '../src/plugin/contract.js';

export default definePlugin({
  kind: 'fence_method',
  description: 'a command on this host that powers the old master off; exit status 0 means that it is off',
  settings: (z) =>
    z.strictObject({
      command: z
        .array(z.string().min(1))
        .min(1)
        .describe('the argument list; {{ server }}, {{ hostname }} and {{ port }} are replaced in each argument'),
      timeout: z.number().positive().default(30).describe('seconds'),
    }),
  run: (settings) => async (context, server) => {
    const values = { server: server.name, hostname: server.hostname, port: server.port };
    const argv: string[] = [];
    for (const part of settings.command) {
      const rendered = await context.render(part, values);
      if (!rendered.ok) return rendered;
      argv.push(rendered.value);
    }
    const [program = '', ...args] = argv;
    const here = { ...server, connection: 'local' } as const;
    const options = { as: 'login', timeout: settings.timeout * 1000, signal: context.signal } as const;
    const done = await context.hosts.run(here, [program, ...args], options);
    if (!done.ok) return done;
    if (done.value.exit_code === 0) return ok(`${server.name}: ${program} says that it is off`);
    return fail(
      'plugin_failed',
      `${server.name}: ${program} ended with ${done.value.exit_code}: ${done.value.stderr.trim()}`,
      {
        server: server.name,
        hint: `power ${server.hostname} off by hand`,
      },
    );
  },
  // The command itself would power the host off: only that there is such a program is looked at.
  test: async ({ command: [program = ''] }, context, server) => {
    const here = { ...server, connection: 'local' } as const;
    const found = await context.hosts.script(here, 'command -v "$1"', [program], {
      as: 'login',
      signal: context.signal,
    });
    if (!found.ok) return found;
    if (found.value.exit_code === 0) return ok(`${program} is there`);
    return fail('command_missing', `fence_command: ${program} is not there, or not executable, on this host`, {
      hint: `install ${program}, or correct plugins.fence_command.command`,
    });
  },
});
