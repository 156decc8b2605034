import { fail, ok } from '../src/core/outcome.js';
import { definePlugin } from '../src/plugin/contract.js';

const DEBIAN_PGDATA = /\/postgresql\/(\d+)\/([^/]+)\/?$/;

export default definePlugin({
  kind: 'restart_method',
  description: "Debian's pg_ctlcluster, as the postgres OS user",
  settings: (z) =>
    z.strictObject({
      version: z.string().nullable().default(null).describe('major version; absent: from pgdata'),
      cluster: z.string().nullable().default(null).describe("the cluster's name; absent: from pgdata"),
    }),
  run:
    (settings) =>
    async (context, { server, action, mode, timeout }) => {
      const [, version, cluster] = DEBIAN_PGDATA.exec(server.pgdata) ?? [];
      const names = [settings.version ?? version, settings.cluster ?? cluster];
      const [major, name] = names;
      if (major === undefined || name === undefined) {
        return fail(
          'plugin_failed',
          `${server.name}: pgdata ${server.pgdata} does not tell Debian's version and cluster`,
          {
            server: server.name,
            hint: 'set version and cluster of restart_pg_ctlcluster under plugins:',
          },
        );
      }
      const how = action === 'start' ? [] : ['-m', mode];
      const argv = ['pg_ctlcluster', ...how, major, name, action] as const;
      const done = await context.hosts.run(server, argv, { timeout, signal: context.signal });
      if (!done.ok) return done;
      if (done.value.exit_code === 0) return ok(`${server.name}: pg_ctlcluster ${action} ended well`);
      const said = (done.value.stderr.trim() || done.value.stdout.trim()).split('\n').at(-1) ?? '';
      return fail(
        'step_failed',
        `${server.name}: pg_ctlcluster ${action} ended with ${done.value.exit_code}: ${said}`,
        {
          server: server.name,
          hint: `look at the log of ${server.name}`,
        },
      );
    },
  test: async (_settings, context, server) => {
    const done = await context.hosts.run(server, ['sh', '-c', 'command -v pg_ctlcluster'], { signal: context.signal });
    if (!done.ok) return done;
    if (done.value.exit_code === 0) return ok(`${server.name}: pg_ctlcluster is installed`);
    return fail('command_missing', `${server.name}: pg_ctlcluster is not installed on ${server.hostname}`, {
      server: server.name,
      hint: 'install postgresql-common, or name another restart_method',
    });
  },
});
