import { PG_CTL_EXTRA_MS } from '../src/core/limits.js';
import { fail, ok } from '../src/core/outcome.js';
import { definePlugin } from '../src/plugin/contract.js';

export default definePlugin({
  kind: 'restart_method',
  description: 'pg_ctl as the postgres OS user, for servers that no service manager owns',
  settings: (z) =>
    z.strictObject({
      pg_ctl_flags: z.string().default('').describe('more flags for pg_ctl, separated by blanks'),
      logfile: z.string().nullable().default(null).describe("where a started server's output goes; absent: nowhere"),
    }),
  run:
    (settings) =>
    async (context, { server, action, mode, timeout }) => {
      const tool = await context.findBinary(server, 'pg_ctl');
      if (!tool.ok) return tool;
      const seconds = String(Math.max(1, Math.ceil(timeout / 1000)));
      const flags = settings.pg_ctl_flags.split(/\s+/).filter((flag) => flag !== '');
      // The configuration may live outside the data directory (Debian): pg_ctl passes -D of that folder to postgres.
      const folder = action === 'stop' ? server.pgdata : (server.pgconf ?? server.pgdata);
      const how = action === 'start' ? [] : ['-m', mode];
      const log = action === 'stop' ? [] : ['-l', settings.logfile ?? '/dev/null'];
      const argv = [tool.value, action, '-D', folder, '-w', '-t', seconds, ...how, ...log, ...flags] as const;
      const done = await context.hosts.run(server, argv, {
        timeout: timeout + PG_CTL_EXTRA_MS,
        signal: context.signal,
      });
      if (!done.ok) return done;
      if (done.value.exit_code === 0) return ok(`${server.name}: pg_ctl ${action} ended well`);
      const said = (done.value.stderr.trim() || done.value.stdout.trim()).split('\n').at(-1) ?? '';
      return fail('step_failed', `${server.name}: pg_ctl ${action} ended with ${done.value.exit_code}: ${said}`, {
        server: server.name,
        hint: `look at the log of ${server.name}`,
      });
    },
  test: async (_settings, context, server) => context.findBinary(server, 'pg_ctl'),
});
