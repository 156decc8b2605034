import type { ServerDef } from '../src/core/model.js';
import { fail, ok } from '../src/core/outcome.js';
import { type ArchivePlace, definePlugin } from '../src/plugin/contract.js';
import { folder, sshSettings, templateSettings, timeout } from './archive/settings.js';
import { type SshReach, sshTo } from './archive/ssh.js';

/** A host of the settings, made whole. */
interface HostSetting {
  readonly name: string;
  readonly hostname?: string | undefined;
  readonly user?: string | undefined;
  readonly port?: number | undefined;
  readonly directory?: string | undefined;
}

interface Reach extends SshReach {
  readonly directory: string;
}

function placeOf(host: HostSetting, server: ServerDef | undefined, self: boolean, reach: Reach): ArchivePlace {
  const directory = host.directory ?? reach.directory;
  if (self) return { name: host.name, directory, ssh: [], get: [] };
  const hostname = host.hostname ?? server?.hostname ?? host.name;
  const port = host.port ?? server?.ssh_port ?? 22;
  const ssh = sshTo({ hostname, port, user: host.user }, reach);
  return { name: host.name, directory, ssh, get: [] };
}

export default definePlugin({
  kind: 'archive_script_method',
  description: 'folders of several hosts, by ssh: a file is safe when two of them have it',
  settings: (z) => {
    const word = /^[A-Za-z0-9_][A-Za-z0-9_.:-]*$/;
    const name = z.string().regex(word, { error: 'must be the name of a server, or a host name' });
    const path = folder(z);
    const host = z.strictObject({
      name,
      hostname: name.optional(),
      user: z.string().regex(word, { error: 'must be the name of a user' }).optional(),
      port: z.number().int().min(1).max(65_535).optional(),
      directory: path.optional(),
    });
    return z.strictObject({
      hosts: z
        .array(z.union([name, host], { error: 'must be a name, or { name, hostname, user, port, directory }' }))
        .min(2)
        .describe('names of servers or other hosts, best first; or { name, hostname, user, port, directory }'),
      directory: path.describe('the folder on each of them; it must exist, and belong to whom ssh logs in as'),
      copies: z
        .number()
        .int()
        .min(1)
        .max(5)
        .default(2)
        .describe('how many must have a file; 1 survives the loss of none'),
      timeout: timeout(z, 'for one file at one host, seconds'),
      ...sshSettings(z),
      ...templateSettings(z),
    });
  },
  run:
    ({ hosts, copies, timeout, archive_template, restore_template, ...reach }) =>
    async (context, { server, master }) => {
      const known = hosts.map((one): HostSetting => (typeof one === 'string' ? { name: one } : one));
      const names = known.map(({ name }) => name);
      const double = names.find((name, index) => names.indexOf(name) !== index);
      if (double !== undefined) {
        return fail('plugin_failed', `archive_two_servers: ${double} is twice in hosts`, {
          hint: 'name each host once',
        });
      }
      const each = known.map((host) => {
        const def = context.servers.find(({ name }) => name === host.name);
        const self = host.name === server.name;
        return { self, def, place: placeOf(host, def, self, reach) };
      });
      // One that is disabled is lost, or being made anew: waiting for it would only hold up all that follows.
      const others = each.filter(({ self, def }) => !self && def?.enabled !== false);
      // Two hosts of one disk would be lost together, so its own is the last.
      const own = each.filter(({ self }) => self);
      const places = [...others, ...own].map(({ place }) => place);
      if (places.length < copies) {
        return fail(
          'plugin_failed',
          `archive_two_servers: ${server.name} can archive to ${places.length} of ${names.join(', ')}, and copies is ${copies}`,
          { server: server.name, hint: 'enable a server of that list, or add a host to it' },
        );
      }
      // The master is the host that is silent when a replica is to be promoted, and of two copies one is elsewhere.
      const afar = others.filter(({ def }) => copies < 2 || def?.name !== master);
      const sources = [...own, ...afar].map(({ place }) => place);
      return ok({ places, copies, sources, timeout, archive_template, restore_template, kept_by: null });
    },
});
