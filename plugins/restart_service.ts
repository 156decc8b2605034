import { fail, ok } from '../src/core/outcome.js';
import { SUDOERS_FILE, serviceLine } from '../src/core/sudoers.js';
import { definePlugin } from '../src/plugin/contract.js';

/** `$1` systemctl or service, `$2` the unit: sudo tells whether it would allow each command, and runs none. Prints the first it does not. */
const MAY_SERVE = `
for action in start stop restart; do
  if [ "$1" = systemctl ]; then set -- "$1" "$2" "$action" "$2"; else set -- "$1" "$2" "$2" "$action"; fi
  sudo -n -l "$1" "$3" "$4" >/dev/null 2>&1 || { echo "$1 $3 $4"; exit 1; }
done
`;

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
    const options = { as: 'login', signal: context.signal } as const;
    const done = await context.hosts.script(server, sudo ? MAY_SERVE : 'command -v "$1"', [command, service], options);
    if (!done.ok) return done;
    if (done.value.exit_code === 0) return ok(`${server.name}: ${command} may start, stop and restart ${service}`);
    const who = server.ssh_user ?? 'USER';
    const refused = sudo ? `sudo does not let ${who} ${done.value.stdout.trim()}` : `${command} is not installed`;
    return fail('plugin_failed', `${server.name}: ${refused}`, {
      server: server.name,
      hint: sudo
        ? `in ${SUDOERS_FILE} on ${server.hostname}: \`${serviceLine(who, service, command)}\``
        : `install ${command} there`,
    });
  },
});
