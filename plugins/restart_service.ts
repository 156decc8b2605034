import { fail, ok } from '../src/core/outcome.js';
import { definePlugin } from '../src/plugin/contract.js';

export default definePlugin({
  kind: 'restart_method',
  description: 'systemctl or service as root, through sudo where the ssh user is not root',
  settings: (z) =>
    z.strictObject({
      service: z.string().default('postgresql').describe("the unit's name, such as postgresql@15-main"),
      command: z.enum(['systemctl', 'service']).default('systemctl').describe('systemctl, or service'),
      sudo: z.boolean().default(true).describe('false where the ssh user is root'),
    }),
  run:
    (settings) =>
    async (context, { server, action, timeout }) => {
      const { service, command } = settings;
      const words = command === 'systemctl' ? ['systemctl', action, service] : ['service', service, action];
      const argv = ['env', ...(settings.sudo ? ['sudo', '-n', '--'] : []), ...words] as const;
      const done = await context.hosts.run(server, argv, { as: 'login', timeout, signal: context.signal });
      if (!done.ok) return done;
      if (done.value.exit_code === 0) return ok(`${server.name}: ${words.join(' ')} ended well`);
      const said = (done.value.stderr.trim() || done.value.stdout.trim()).split('\n')[0] ?? '';
      return fail('step_failed', `${server.name}: ${words.join(' ')} ended with ${done.value.exit_code}: ${said}`, {
        server: server.name,
        hint: `see \`systemctl status ${service}\` on ${server.hostname}`,
      });
    },
  test: async ({ service, command, sudo }, context, server) => {
    const words = command === 'systemctl' ? ['systemctl', 'stop', service] : ['service', service, 'stop'];
    // sudo tells whether it would allow the command, and does not run it.
    const argv = sudo
      ? (['sudo', '-n', '-l', ...words] as const)
      : (['env', 'sh', '-c', `command -v ${command}`] as const);
    const done = await context.hosts.run(server, argv, { as: 'login', signal: context.signal });
    if (!done.ok) return done;
    if (done.value.exit_code === 0) return ok(`${server.name}: \`${words.join(' ')}\` is allowed`);
    const who = server.ssh_user ?? 'this user';
    return fail('plugin_failed', `${server.name}: \`${argv.join(' ')}\` ended with ${done.value.exit_code}`, {
      server: server.name,
      hint: `in /etc/sudoers.d on ${server.hostname}: \`${who} ALL=(root) NOPASSWD: /usr/bin/systemctl start ${service}, /usr/bin/systemctl stop ${service}, /usr/bin/systemctl restart ${service}\``,
    });
  },
});
