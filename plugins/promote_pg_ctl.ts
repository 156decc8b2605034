import { PG_CTL_EXTRA_MS } from '../src/core/limits.js';
import { fail, ok } from '../src/core/outcome.js';
import { definePlugin } from '../src/plugin/contract.js';

export default definePlugin({
  kind: 'promotion_method',
  description: 'pg_ctl promote on its host; for where SQL may not',
  settings: (z) =>
    z.strictObject({
      wait_seconds: z.number().int().positive().default(60).describe('how long PostgreSQL may take, seconds'),
    }),
  run: (settings) => async (context, server) => {
    const tool = await context.findBinary(server, 'pg_ctl');
    if (!tool.ok) return tool;
    const argv = [tool.value, 'promote', '-D', server.pgdata, '-w', '-t', String(settings.wait_seconds)] as const;
    const timeout = settings.wait_seconds * 1000 + PG_CTL_EXTRA_MS;
    const done = await context.hosts.run(server, argv, { timeout, signal: context.signal });
    if (!done.ok) return done;
    if (done.value.exit_code === 0) return ok(`${server.name}: pg_ctl promote ended well`);
    return fail(
      'step_failed',
      `${server.name}: pg_ctl promote ended with ${done.value.exit_code}: ${done.value.stderr.trim()}`,
      {
        server: server.name,
        hint: `look at the log of ${server.name}`,
      },
    );
  },
  test: async (_settings, context, server) => context.findBinary(server, 'pg_ctl'),
});
