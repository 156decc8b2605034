import type { ServerDef } from '../src/core/model.js';
import { type Outcome, describeFailure, fail, ok } from '../src/core/outcome.js';
import { type ConnectionRequest, type PluginContext, definePlugin } from '../src/plugin/contract.js';

interface Settings {
  readonly address: string;
  readonly interface: string;
  readonly timeout: number;
}

interface Work {
  readonly context: PluginContext;
  readonly settings: Settings;
}

const AS_ROOT = 'if [ "$(id -u)" = 0 ]; then exec sh -c "$@"; else exec sudo -n -- sh -c "$@"; fi';

const HELD = `
PATH=$PATH:/usr/sbin:/sbin
address=$1; device=$2; bare=\${1%/*}
held() { ip -4 -o addr show dev "$device" | awk '{ print $4 }' | grep -q -x -F "$address"; }
ip link show dev "$device" >/dev/null || exit 1
`;

/** `$1` address with its prefix, `$2` interface: whether it is here. */
const LOOK = `${HELD}
if held; then echo here; else echo elsewhere; fi
`;

/** Takes it away from a host that is not the master's. */
const DROP = `${HELD}
if held; then ip addr del "$address" dev "$device" && echo dropped; else echo elsewhere; fi
`;

/** Takes it here, where nobody else on the network answers for it, and tells all neighbours (RFC 5227). */
const TAKE = `${HELD}
if ! command -v arping >/dev/null 2>&1; then echo "arping is not installed" >&2; exit 1; fi
if held; then arping -q -U -c 1 -w 1 -I "$device" "$bare"; echo here; exit 0; fi
if ! arping -q -D -c 1 -w 1 -I "$device" "$bare"; then echo taken; exit 0; fi
ip addr add "$address" dev "$device" || exit 1
arping -q -U -c 2 -w 1 -I "$device" "$bare"
echo here
`;

/** Runs one of the scripts as root; its one word. */
async function run({ context, settings }: Work, server: ServerDef, script: string): Promise<Outcome<string>> {
  const args = [script, 'handyrep', settings.address, settings.interface];
  const options = { as: 'login', timeout: settings.timeout * 1000, signal: context.signal } as const;
  const done = await context.hosts.script(server, AS_ROOT, args, options);
  if (!done.ok) return done;
  if (done.value.exit_code === 0) return ok(done.value.stdout.trim());
  const said = done.value.stderr.trim().split('\n').at(-1) ?? '';
  return fail('plugin_failed', `${server.name}: ${said}`, {
    server: server.name,
    hint: 'the ssh user needs `sh` as root by sudo, ip and arping, and the interface must exist',
  });
}

/** Hosts other than the master's, each once. */
function elsewhere({ master, others }: ConnectionRequest): readonly ServerDef[] {
  const seen = new Set([master.hostname]);
  return others.filter(({ hostname }) => !seen.has(hostname) && seen.add(hostname));
}

async function move(work: Work, request: ConnectionRequest): Promise<Outcome<string>> {
  const { address } = work.settings;
  const { master } = request;
  const dropped = await Promise.all(
    elsewhere(request).map(async (server) => ({ server, outcome: await run(work, server, DROP) })),
  );
  const unreached = dropped.flatMap(({ server, outcome }) =>
    outcome.ok ? [] : [`${server.name}: ${describeFailure(outcome.error)}`],
  );
  const taken = await run(work, master, TAKE);
  if (!taken.ok) return taken;
  if (taken.value === 'taken') {
    const why = unreached.length === 0 ? '' : `; not asked: ${unreached.join('; ')}`;
    return fail(
      'plugin_failed',
      `virtual_ip: another host answers for ${address}, so ${master.name} did not take it${why}`,
      {
        hint: 'take it away there: two hosts with one address are worse than none',
      },
    );
  }
  const from = dropped.flatMap(({ server, outcome }) =>
    outcome.ok && outcome.value === 'dropped' ? [server.name] : [],
  );
  const source = from.length === 0 ? '' : `, taken away from ${from.join(', ')}`;
  return ok(`virtual_ip: ${address} is on ${master.name}${source}`);
}

async function look(work: Work, request: ConnectionRequest): Promise<Outcome<string>> {
  const { address } = work.settings;
  const own = await run(work, request.master, LOOK);
  if (!own.ok) return own;
  const hint = '`handyrep proxy init` mends it now';
  if (own.value !== 'here')
    return fail('plugin_failed', `virtual_ip: ${request.master.name} has not ${address}`, { hint });
  const all = await Promise.all(
    elsewhere(request).map(async (server) => ({ server, outcome: await run(work, server, LOOK) })),
  );
  const double = all.find(({ outcome }) => outcome.ok && outcome.value === 'here');
  if (double === undefined) return ok(`virtual_ip: ${address} is on ${request.master.name}`);
  return fail('plugin_failed', `virtual_ip: ${double.server.name} has ${address} too`, { hint });
}

export default definePlugin({
  kind: 'connection_failover_method',
  description: 'an IPv4 address that is always on the host of the master; needs no proxy',
  settings: (z) =>
    z.strictObject({
      address: z
        .string()
        .regex(/^(\d{1,3}\.){3}\d{1,3}\/\d{1,2}$/, {
          error: 'must be an IPv4 address with its prefix, such as 10.0.0.100/24',
        })
        .describe('the address with its prefix, such as 10.0.0.100/24'),
      interface: z
        .string()
        .regex(/^[A-Za-z0-9_.:@-]{1,15}$/, { error: 'must be the name of a network interface' })
        .describe('the network interface that it is on, the same on every host'),
      timeout: z.number().min(3).max(60).default(10).describe('for one host, seconds'),
    }),
  run: (settings) => async (context, request) => {
    const work = { context, settings };
    if (request.proxy !== null) {
      return fail('plugin_failed', `virtual_ip: works without proxies, and ${request.proxy.name} is one`, {
        hint: `remove it, or name the method of its kind`,
      });
    }
    switch (request.action) {
      case 'pause':
        return ok('virtual_ip: an address cannot make clients wait');
      case 'move':
        return move(work, request);
      case 'look':
        return look(work, request);
    }
  },
  test: async (settings, context, server) => {
    const seen = await run(
      { context, settings },
      server,
      `${LOOK}command -v arping >/dev/null || { echo no arping >&2; exit 1; }`,
    );
    return seen.ok ? ok(`${server.name}: the address is ${seen.value}`) : seen;
  },
});
