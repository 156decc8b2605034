import type { ProxyDef, ServerDef } from '../src/core/model.js';
import { type Outcome, fail, ok } from '../src/core/outcome.js';
import {
  type CommandResult,
  type ConnectionRequest,
  type PluginContext,
  definePlugin,
} from '../src/plugin/contract.js';

interface Settings {
  readonly master_pool: string;
  readonly replicas_pool: string | null;
  readonly all_pool: string | null;
  readonly bind_address: string;
  readonly replicas_port: number;
  readonly all_port: number;
  readonly socket: string | null;
  readonly config_file: string;
  readonly template: string;
  readonly run_as: 'postgres' | 'root';
  readonly program: string;
  readonly reload_command: readonly string[];
  readonly maxconn: number;
  readonly idle: string;
  readonly timeout: number;
  readonly poll_user: string | null;
  readonly poll_password: string | null;
}

interface Work {
  readonly context: PluginContext;
  readonly settings: Settings;
  readonly proxy: ProxyDef;
}

/** One pool, and which of the cluster's servers take connections in it. */
interface Pool {
  readonly name: string;
  readonly bind: string;
  readonly servers: readonly {
    readonly name: string;
    readonly hostname: string;
    readonly port: number;
    readonly ready: boolean;
  }[];
}

/** A server of a pool as the runtime socket shows it. */
interface Shown {
  readonly pool: string;
  readonly server: string;
  readonly addr: string;
  readonly port: number;
  /** In maintenance, by an administrator or by the configuration. */
  readonly maintenance: boolean;
}

function poolsOf({ settings, proxy }: Work, { master, replicas, others }: ConnectionRequest): readonly Pool[] {
  const all = [master, ...others].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const readers = new Set((replicas.length === 0 ? [master] : replicas).map(({ name }) => name));
  const everybody = new Set([master, ...replicas].map(({ name }) => name));
  const pool = (name: string | null, port: number, isReady: (server: ServerDef) => boolean): readonly Pool[] => {
    if (name === null) return [];
    const servers = all.map((one) => ({ name: one.name, hostname: one.hostname, port: one.port, ready: isReady(one) }));
    return [{ name, bind: `${settings.bind_address}:${port}`, servers }];
  };
  return [
    ...pool(settings.master_pool, proxy.port, ({ name }) => name === master.name),
    ...pool(settings.replicas_pool, settings.replicas_port, ({ name }) => readers.has(name)),
    ...pool(settings.all_pool, settings.all_port, ({ name }) => everybody.has(name)),
  ];
}

function broken({ proxy }: Work, message: string, hint: string): Outcome<never> {
  return fail('plugin_failed', `${proxy.name}: ${message}`, { server: proxy.name, hint });
}

/** Runs a script as whoever owns haproxy's files. */
function run(work: Work, script: string, args: readonly string[], input?: string): Promise<Outcome<CommandResult>> {
  const { context, settings, proxy } = work;
  const options = {
    timeout: settings.timeout * 1000,
    signal: context.signal,
    ...(input === undefined ? {} : { input }),
  };
  if (settings.run_as === 'postgres') return context.hosts.script(proxy, script, args, options);
  return context.hosts.script(proxy, AS_ROOT, [script, 'handyrep', ...args], { ...options, as: 'login' });
}

const AS_ROOT = 'if [ "$(id -u)" = 0 ]; then exec sh -c "$@"; else exec sudo -n -- sh -c "$@"; fi';

/** `$1` a program, standard input a configuration, which it reads from a file only. */
const CHECK = `
umask 077
file=$(mktemp) || exit 1
trap 'rm -f "$file"' EXIT
trap 'exit 1' HUP INT TERM
cat > "$file" && "$1" -c -f "$file" 2>&1
`;

/** `$1` a socket, standard input what is said to it; Debian always has perl. */
const TALK = `
if command -v socat >/dev/null 2>&1; then exec socat -t 3 - "UNIX-CONNECT:$1"; fi
exec perl -MIO::Socket::UNIX -e '
  my $socket = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $ARGV[0]) or die "$ARGV[0]: $!\\n";
  local $/; my $said = <STDIN>; print $socket $said; $socket->flush; shutdown($socket, 1); print <$socket>;' "$1"
`;

/** One connection, several commands: haproxy answers each with lines and an empty one. */
async function talk(work: Work, socket: string, commands: readonly string[]): Promise<Outcome<string>> {
  const done = await run(work, TALK, [socket], `${commands.join(';')}\n`);
  if (!done.ok) return done;
  if (done.value.exit_code === 0) return ok(done.value.stdout);
  const said = done.value.stderr.trim().split('\n').at(-1) ?? '';
  return fail('plugin_failed', `${work.proxy.name}: its socket ${socket} does not answer: ${said}`, {
    server: work.proxy.name,
    cause: 'no_socket',
    hint: 'see that haproxy runs, and who may use its socket (run_as)',
  });
}

/** "show servers state" of haproxy's management guide: columns are named in a line that begins with #. */
async function show(work: Work, socket: string): Promise<Outcome<readonly Shown[]>> {
  const text = await talk(work, socket, ['show servers state']);
  if (!text.ok) return text;
  const lines = text.value.split('\n').map((line) => line.trim());
  const columns =
    lines
      .find((line) => line.startsWith('# '))
      ?.slice(2)
      .split(' ') ?? [];
  const at = (cells: readonly string[], name: string): string => cells[columns.indexOf(name)] ?? '';
  return ok(
    lines.flatMap((line): Shown[] => {
      const cells = line.split(' ');
      if (line.startsWith('#') || cells.length < columns.length) return [];
      // Bits of srv_admin_state: 1 forced maintenance, 2 inherited; 4, by the configuration, stays when it is made ready.
      const maintenance = (Number(at(cells, 'srv_admin_state')) & 3) !== 0;
      const [pool, server, addr] = [at(cells, 'be_name'), at(cells, 'srv_name'), at(cells, 'srv_addr')];
      return [{ pool, server, addr, port: Number(at(cells, 'srv_port')), maintenance }];
    }),
  );
}

/** What is otherwise than it should be, in words; empty: nothing. */
function differences(pools: readonly Pool[], shown: readonly Shown[]): readonly string[] {
  return pools.flatMap(({ name: pool, servers }) =>
    servers.flatMap(({ name, hostname, port, ready }) => {
      const one = shown.find((other) => other.pool === pool && other.server === name);
      if (one === undefined) return ready ? [`${pool} has no server ${name}`] : [];
      // Of a name the socket shows the address that it had when it was looked up.
      if (/^[0-9.]+$/.test(hostname) && one.addr !== hostname)
        return [`${pool}/${name} is ${one.addr}, not ${hostname}`];
      if (one.port !== port) return [`${pool}/${name} has port ${one.port}, not ${port}`];
      if (one.maintenance === !ready) return [];
      return [`${pool}/${name} ${ready ? 'takes no connections' : 'takes connections'}`];
    }),
  );
}

/** Whoever goes is sent away before anybody comes: there are never two in the pool of the master. */
function commandsFor(pools: readonly Pool[]): readonly string[] {
  const each = pools.flatMap(({ name: pool, servers }) => servers.map((server) => ({ pool, ...server })));
  const leave = each
    .filter(({ ready }) => !ready)
    .flatMap(({ pool, name }) => [
      `set server ${pool}/${name} state maint`,
      `shutdown sessions server ${pool}/${name}`,
    ]);
  const come = each.filter(({ ready }) => ready).map(({ pool, name }) => `set server ${pool}/${name} state ready`);
  return [...leave, ...come];
}

async function render(work: Work, pools: readonly Pool[], { master }: ConnectionRequest): Promise<Outcome<string>> {
  const { context, settings, proxy } = work;
  const template = await context.template(settings.template);
  if (!template.ok) return template;
  return context.render(template.value, {
    cluster_name: context.cluster_name,
    proxy: { name: proxy.name, hostname: proxy.hostname, port: proxy.port },
    master: { name: master.name, hostname: master.hostname, port: master.port },
    pools,
    socket: settings.socket,
    maxconn: settings.maxconn,
    idle: settings.idle,
  });
}

async function move(work: Work, request: ConnectionRequest): Promise<Outcome<string>> {
  const { context, settings, proxy } = work;
  const pools = poolsOf(work, request);
  const text = await render(work, pools, request);
  if (!text.ok) return text;
  const checked = await run(work, CHECK, [settings.program], text.value);
  if (!checked.ok) return checked;
  if (checked.value.exit_code !== 0) {
    const said = checked.value.stdout.split('\n').find((line) => line.includes('ALERT')) ?? checked.value.stdout.trim();
    return broken(
      work,
      `haproxy does not accept the new configuration: ${said}`,
      `correct the template ${settings.template}`,
    );
  }
  const path = proxy.config_file ?? settings.config_file;
  const written = await context.writeFile(proxy, path, text.value, { as: settings.run_as, signal: context.signal });
  // At once, whatever became of the file: clients come first.
  const at_once = settings.socket === null ? null : await atOnce(work, settings.socket, pools);
  if (!written.ok) return written;
  if (at_once !== null) {
    if (at_once.ok && at_once.value.length === 0) return ok(describe(work, pools));
    if (!at_once.ok && at_once.error.cause === 'no_socket') return at_once;
  }
  return reload(work, pools);
}

/** By the runtime socket: no connection that goes where it should is broken off. What is still otherwise then. */
async function atOnce(work: Work, socket: string, pools: readonly Pool[]): Promise<Outcome<readonly string[]>> {
  const before = await show(work, socket);
  if (!before.ok) return before;
  if (differences(pools, before.value).length === 0) return ok([]);
  const told = await talk(work, socket, commandsFor(pools));
  if (!told.ok) return told;
  const after = await show(work, socket);
  return after.ok ? ok(differences(pools, after.value)) : after;
}

async function reload(work: Work, pools: readonly Pool[]): Promise<Outcome<string>> {
  const { context, settings, proxy } = work;
  const [program = '', ...args] = settings.reload_command;
  const done = await context.hosts.run(proxy, [program, ...args], { as: 'login', signal: context.signal });
  if (!done.ok) return done;
  if (done.value.exit_code !== 0) {
    const said = done.value.stderr.trim().split('\n').at(-1) ?? '';
    return broken(work, `${program} ended with ${done.value.exit_code}: ${said}`, 'reload it by hand');
  }
  if (settings.socket === null) return ok(`${describe(work, pools)}, after a reload`);
  const { socket } = settings;
  for (let tries = 1; ; tries++) {
    const shown = await show(work, socket);
    const wrong = shown.ok ? differences(pools, shown.value) : [];
    if (shown.ok && wrong.length === 0) return ok(`${describe(work, pools)}, after a reload`);
    if (tries === 20) return shown.ok ? broken(work, `after a reload ${wrong.join(', ')}`, 'see its log') : shown;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function describe({ proxy }: Work, pools: readonly Pool[]): string {
  const words = pools.map(({ name, servers }) => {
    const ready = servers.flatMap((one) => (one.ready ? [one.name] : []));
    return `${name} goes to ${ready.join(', ')}`;
  });
  return `${proxy.name}: ${words.join('; ')}`;
}

async function look(work: Work, request: ConnectionRequest): Promise<Outcome<string>> {
  const { settings, proxy } = work;
  const pools = poolsOf(work, request);
  const hint = '`handyrep proxy init` mends it now';
  if (settings.socket !== null) {
    const shown = await show(work, settings.socket);
    if (!shown.ok) return shown;
    const wrong = differences(pools, shown.value);
    if (wrong.length > 0) return broken(work, wrong.join('; '), hint);
  } else {
    const text = await render(work, pools, request);
    if (!text.ok) return text;
    const path = proxy.config_file ?? settings.config_file;
    const same = await run(work, 'cmp -s - "$1"', [path], text.value);
    if (!same.ok) return same;
    if (same.value.exit_code !== 0) return broken(work, `${path} is not what it should be`, hint);
  }
  const seen = request.as_client ? await asClient(work) : ok(undefined);
  return seen.ok ? ok(describe(work, pools)) : seen;
}

/** Logs in as a client would, to the pool of the master; not where nobody is named for that. */
async function asClient({ context, settings, proxy }: Work): Promise<Outcome<void>> {
  const { poll_user: user, poll_password: password } = settings;
  if (user === null) return ok(undefined);
  const { name, hostname, port } = proxy;
  const options = { timeout: settings.timeout * 1000, signal: context.signal };
  const target = { name, hostname, port, user, database: 'postgres', password };
  const answers = await context.console.run(target, ['SELECT pg_is_in_recovery() AS standby'], options);
  if (!answers.ok) return answers;
  if (answers.value[0]?.[0]?.['standby'] === 'f') return ok(undefined);
  return broken(
    { context, settings, proxy },
    'a client reaches a server in recovery',
    'see where it sends its clients',
  );
}

const NO_PROXY = {
  message: 'haproxy_update: there is no enabled server with role: haproxy',
  hint: 'add them with `handyrep server add NAME role=haproxy hostname=HOST`',
};

export default definePlugin({
  kind: 'connection_failover_method',
  description:
    'any number of haproxies: pools for the master, the replicas and all, by the runtime socket, else by a reload',
  settings: (z) => {
    const word = z.string().regex(/^[A-Za-z0-9_.-]+$/, { error: 'must be of letters, digits, _ . and -' });
    const file = z.string().regex(/^\/[^\s\p{Cc}]*$/u, { error: 'must be an absolute path without blanks' });
    const port = z.int().min(1).max(65_535);
    return z.strictObject({
      master_pool: word.default('handyrep_master').describe("the pool of the master, on the server's own port"),
      replicas_pool: word
        .nullable()
        .default('handyrep_replicas')
        .describe('the pool of the replicas that are well; null: none'),
      all_pool: word.nullable().default(null).describe('the pool of the master and those replicas; null: none'),
      bind_address: z
        .string()
        .regex(/^[A-Za-z0-9_.:*-]+$/)
        .default('*')
        .describe('where the pools listen'),
      replicas_port: port.default(5001).describe('for the pool of the replicas'),
      all_port: port.default(5002).describe('for the pool of all'),
      socket: file
        .nullable()
        .default('/run/haproxy/admin.sock')
        .describe('its runtime socket; null: there is none, and it is reloaded'),
      config_file: file
        .default('/etc/haproxy/haproxy.cfg')
        .describe('the whole configuration, written there unless the server has a config_file of its own'),
      template: z.string().default('haproxy.cfg').describe('what it is made from'),
      run_as: z.enum(['postgres', 'root']).default('root').describe('who writes it and uses the socket: root by sudo'),
      program: z
        .string()
        .min(1)
        .default('haproxy')
        .describe('haproxy there, which checks a configuration before it is written'),
      reload_command: z
        .array(z.string())
        .min(1)
        .default(['sudo', '-n', 'systemctl', 'reload', 'haproxy'])
        .describe('how it takes a new configuration, as the ssh user'),
      maxconn: z.int().min(1).default(2000).describe('for the template'),
      idle: z
        .string()
        .regex(/^\d+(ms|s|m|h|d)$/)
        .default('24h')
        .describe('for the template: how long a session may be idle'),
      timeout: z.number().min(0.1).max(60).default(5).describe('for one remote command, seconds'),
      poll_user: z
        .string()
        .nullable()
        .default(null)
        .describe('who logs in through it where poll_connection_proxy is true; null: nobody'),
      poll_password: z.string().nullable().default(null).describe('null: from the password file'),
    });
  },
  run: (settings) => async (context, request) => {
    const { proxy, action } = request;
    if (proxy === null) return fail('plugin_failed', NO_PROXY.message, { hint: NO_PROXY.hint });
    const work = { context, settings, proxy };
    switch (action) {
      case 'pause':
        return ok(`${proxy.name}: haproxy cannot make clients wait`);
      case 'move':
        return move(work, request);
      case 'look':
        return look(work, request);
    }
  },
  test: async (settings, context) => {
    const proxies = context.proxies.filter(({ enabled }) => enabled);
    const all = await Promise.all(
      proxies.map(async (proxy): Promise<Outcome<string>> => {
        const work = { context, settings, proxy };
        const there = await run(work, 'command -v "$1" >/dev/null', [settings.program]);
        if (!there.ok) return there;
        if (there.value.exit_code !== 0)
          return broken(work, `${settings.program} was not found`, 'install it, or name its path');
        if (settings.socket === null) return ok(`${proxy.name}: haproxy is there`);
        const shown = await show(work, settings.socket);
        return shown.ok ? ok(`${proxy.name}: its socket answers`) : shown;
      }),
    );
    const bad = all.find((one) => !one.ok);
    if (bad !== undefined) return bad;
    if (all.length === 0) return fail('plugin_failed', NO_PROXY.message, { hint: NO_PROXY.hint });
    return ok(all.flatMap((one) => (one.ok ? [one.value] : [])).join('; '));
  },
});
