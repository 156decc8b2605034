import { fail, ok } from '../src/core/outcome.js';
import { definePlugin } from '../src/plugin/contract.js';

export default definePlugin({
  kind: 'extra_command',
  description: 'runs a command on this host; its parameters are the argument list, {{ new_master }} and so on replaced',
  settings: (z) => z.strictObject({ timeout: z.number().positive().default(60).describe('seconds') }),
  run: (settings) => async (context, facts, parameters) => {
    const argv: string[] = [];
    for (const part of parameters) {
      const rendered = await context.render(part, { ...facts });
      if (!rendered.ok) return rendered;
      argv.push(rendered.value);
    }
    const [program, ...args] = argv;
    const [anywhere] = context.servers;
    if (program === undefined || anywhere === undefined) {
      return fail('plugin_failed', 'run_command has no command to run', {
        hint: 'give it parameters: [PROGRAM, ARGUMENT…]',
      });
    }
    const here = { ...anywhere, connection: 'local' } as const;
    const options = { as: 'login', timeout: settings.timeout * 1000, signal: context.signal } as const;
    const done = await context.hosts.run(here, [program, ...args], options);
    if (!done.ok) return done;
    if (done.value.exit_code === 0) return ok(`${program} ended well`);
    return fail('plugin_failed', `${program} ended with ${done.value.exit_code}: ${done.value.stderr.trim()}`, {
      hint: 'run it by hand as the user of HandyRep',
    });
  },
});
