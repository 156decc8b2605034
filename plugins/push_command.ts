import { alertEnvironment } from '../src/core/alert-text.js';
import { fail, ok } from '../src/core/outcome.js';
import { definePlugin } from '../src/plugin/contract.js';

/** A path must be an executable file: dash finds any file by a path. */
const FIND = 'case $1 in */*) test -f "$1" && test -x "$1" ;; *) command -v -- "$1" ;; esac';

export default definePlugin({
  kind: 'push_alert_method',
  description: 'runs a command on this host for each alert; exit status 0 means that it was told',
  settings: (z) =>
    z.strictObject({
      command: z
        .array(z.string().min(1))
        .min(1)
        .describe('the argument list; no shell reads it, and nothing in it is replaced'),
      timeout: z.number().positive().max(10).default(5).describe('seconds; all alerts of one run have 10'),
    }),
  run: (settings) => async (context, alert) => {
    const [program = '', ...args] = settings.command;
    const [anywhere] = context.servers;
    if (anywhere === undefined) return fail('plugin_failed', 'no server is known yet');
    const done = await context.hosts.run({ ...anywhere, connection: 'local' }, [program, ...args], {
      as: 'login',
      timeout: settings.timeout * 1000,
      env: alertEnvironment(context.cluster_name, alert),
      input: `${JSON.stringify({ cluster: context.cluster_name, ...alert })}\n`,
      signal: context.signal,
    });
    if (!done.ok) return fail('plugin_failed', `${program}: ${done.error.message}`, { hint: done.error.hint });
    if (done.value.exit_code === 0) return ok(`${program} took it`);
    return fail(
      'plugin_failed',
      `${program} ended with ${done.value.exit_code}: ${done.value.stderr.trim().slice(-500)}`,
      {
        hint: 'try it: `handyrep alert test`',
      },
    );
  },
  test: async (settings, context, server) => {
    const [program = ''] = settings.command;
    const here = { ...server, connection: 'local' } as const;
    const found = await context.hosts.script(here, FIND, [program], {
      as: 'login',
      timeout: settings.timeout * 1000,
      signal: context.signal,
    });
    if (!found.ok) return found;
    if (found.value.exit_code === 0) return ok(`${program} is there`);
    return fail('plugin_failed', `${program} is not an executable program on this host`, {
      hint: 'correct its path or mode',
    });
  },
});
