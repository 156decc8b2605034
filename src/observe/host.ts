import { parseControlFile } from '../core/controlfile.js';
import type { ServerDef } from '../core/model.js';
import type { HostLook, PortLook, Postmaster } from '../core/observation.js';
import { describeFailure } from '../core/outcome.js';
import { LOOK_AT_HOST_SCRIPT, LOOK_AT_PORT_SCRIPT, parseLines } from '../io/scripts.js';
import type { HostPort } from '../plugin/contract.js';

export interface LookOptions {
  /** Milliseconds for the whole look. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

const PORT_LOOKS: ReadonlySet<string> = new Set<PortLook>(['reaches', 'cannot_reach', 'unresolved', 'cannot_look']);

function isPortLook(text: string | undefined): text is PortLook {
  return text !== undefined && PORT_LOOKS.has(text);
}

/** Asks a server's host, by one remote command, what its PostgreSQL is doing. */
export async function lookAtHost(hosts: HostPort, server: ServerDef, options: LookOptions): Promise<HostLook> {
  const args = [server.pgdata, server.bin_dir ?? ''];
  const done = await hosts.script(server, LOOK_AT_HOST_SCRIPT, args, options);
  if (!done.ok) {
    const { error } = done;
    const detail = describeFailure(error);
    if (error.code === 'ssh_connect' || error.code === 'aborted') {
      return { kind: 'no_answer', server: server.name, detail };
    }
    // ssh let us in, and sudo refused or the command did not end: the host lives, and nothing else is known of it. Where
    // this host cannot even run ssh, nothing is known either.
    return untold(server.name, detail);
  }
  const { exit_code, stdout, stderr } = done.value;
  if (exit_code !== 0) return untold(server.name, `the look at its host ended with ${exit_code}: ${firstLine(stderr)}`);
  return parseLook(server.name, parseLines(stdout));
}

function untold(server: string, detail: string): HostLook {
  return {
    kind: 'looked',
    server,
    postmaster: { kind: 'unknown', detail },
    port: 'cannot_look',
    control: null,
    standby_signal: false,
    free_bytes: null,
    detail,
  };
}

function parseLook(server: string, found: ReadonlyMap<string, string>): HostLook {
  const unknown = found.get('unknown');
  if (unknown !== undefined) return untold(server, unknown);
  const postmaster = parsePostmaster(found);
  const port = found.get('port');
  const free = found.get('free_kb') ?? '';
  const control = parseControlFile(found.get('control') ?? '');
  return {
    kind: 'looked',
    server,
    postmaster,
    port: isPortLook(port) ? port : 'cannot_look',
    control,
    standby_signal: found.get('standby_signal') === 'yes',
    free_bytes: /^\d+$/.test(free) ? Number(free) * 1024 : null,
    detail: found.get('port_detail') ?? (control === null ? 'global/pg_control is not readable or damaged' : ''),
  };
}

function parsePostmaster(found: ReadonlyMap<string, string>): Postmaster {
  const pid = found.get('postmaster');
  if (pid === 'none') return { kind: 'not_running' };
  if (pid === undefined || !/^\d+$/.test(pid)) return { kind: 'unknown', detail: 'the look at its host said nothing' };
  const [first = '?', last = first] = [found.get('process_state'), found.get('process_state_after')];
  // Stopped is what was stopped before the look at its port and after it.
  return { kind: 'running', pid: Number(pid), state: first === 'T' ? last : first };
}

/** What an active look at a port came to, in words too. */
export interface PortAnswer {
  readonly port: PortLook;
  readonly detail: string;
}

/** From `from`'s host: does the PostgreSQL port of `target` answer? */
export async function lookAtPort(
  hosts: HostPort,
  from: ServerDef,
  target: ServerDef,
  options: LookOptions,
): Promise<PortAnswer> {
  const args = [target.hostname, String(target.port), from.bin_dir ?? ''];
  const done = await hosts.script(from, LOOK_AT_PORT_SCRIPT, args, { ...options, as: 'login' });
  if (!done.ok) return { port: 'cannot_look', detail: describeFailure(done.error) };
  const found = parseLines(done.value.stdout);
  const port = found.get('port');
  if (!isPortLook(port)) return { port: 'cannot_look', detail: firstLine(done.value.stderr) };
  return { port, detail: found.get('port_detail') ?? '' };
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? '';
}
