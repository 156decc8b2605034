import { type Outcome, fail, ok } from '../../src/core/outcome.js';
import type { CommandResult } from '../../src/plugin/contract.js';
import type { Work } from '../proxy/method.js';
import type { Shown } from './pools.js';

/** The settings of haproxy_update. */
export interface Settings {
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

export type BalancerWork = Work<Settings>;

/** Runs a script as whoever owns haproxy's files. */
export function run(
  work: BalancerWork,
  script: string,
  args: readonly string[],
  input?: string,
): Promise<Outcome<CommandResult>> {
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

/** `$1` a socket, standard input what is said to it; Debian always has perl. */
const TALK = `
if command -v socat >/dev/null 2>&1; then exec socat -t 3 - "UNIX-CONNECT:$1"; fi
exec perl -MIO::Socket::UNIX -e '
  my $socket = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $ARGV[0]) or die "$ARGV[0]: $!\\n";
  local $/; my $said = <STDIN>; print $socket $said; $socket->flush; shutdown($socket, 1); print <$socket>;' "$1"
`;

/** One connection, several commands: haproxy answers each with lines and an empty one. */
async function talk(work: BalancerWork, socket: string, commands: readonly string[]): Promise<Outcome<string>> {
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

/** What the socket shows of every server, after these commands in the same connection. */
export async function show(
  work: BalancerWork,
  socket: string,
  before: readonly string[] = [],
): Promise<Outcome<readonly Shown[]>> {
  const text = await talk(work, socket, [...before, 'show servers state']);
  return text.ok ? ok(shownIn(text.value)) : text;
}

/** "show servers state" of haproxy's management guide: columns are named in a line that begins with #. */
function shownIn(text: string): readonly Shown[] {
  const lines = text.split('\n').map((line) => line.trim());
  const header = lines.findIndex((line) => line.startsWith('# '));
  const columns = lines[header]?.slice(2).split(' ') ?? [];
  const at = (cells: readonly string[], name: string): string => cells[columns.indexOf(name)] ?? '';
  // What is before it answers other commands.
  return lines.slice(header + 1).flatMap((line): Shown[] => {
    const cells = line.split(' ');
    if (cells.length < columns.length) return [];
    // Bits of srv_admin_state: 1 forced maintenance, 2 inherited; 4, by the configuration, stays when it is made ready.
    const maintenance = (Number(at(cells, 'srv_admin_state')) & 3) !== 0;
    const [pool, server, addr] = [at(cells, 'be_name'), at(cells, 'srv_name'), at(cells, 'srv_addr')];
    return [{ pool, server, addr, port: Number(at(cells, 'srv_port')), maintenance }];
  });
}
