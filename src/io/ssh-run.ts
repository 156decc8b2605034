import { existsSync } from 'node:fs';
import { SSH_LOGIN_MS, SSH_SHARED_MS } from '../core/limits.js';
import type { HostDef } from '../core/model.js';
import { fail, ok, type Failure, type Outcome } from '../core/outcome.js';
import type { CommandResult } from '../plugin/contract.js';
import { endingFailure, exec, type Ending } from './exec.js';
import { localEnv, type HostsSettings, type RunOptions } from './host-settings.js';
import { lastLines, readRemote, remoteCommand, type RemoteCommand } from './remote.js';
import { sshArgs, sshHint } from './ssh.js';
import { pause } from './wait.js';
import { controlFolder, controlPath, dropControl } from './ssh-control.js';

interface Call {
  readonly settings: HostsSettings;
  readonly server: HostDef;
  readonly options: RunOptions;
  readonly name: string;
  readonly timeout: number;
  readonly argv: readonly string[];
}

/** Runs an argument list on a server's host over ssh, by a shared connection where there is one. */
export async function runOverSsh(
  settings: HostsSettings,
  server: HostDef,
  argv: readonly string[],
  options: RunOptions,
  name: string,
): Promise<Outcome<CommandResult>> {
  const timeout = options.timeout ?? settings.command_timeout;
  const call = { settings, server, options, name, timeout, argv };
  if (commandFor(call, timeout) === null)
    return fail('command_failed', `${server.name}: the arguments of ${name} are too long for ssh`);
  const path = await sharedPath(settings, server);
  const tried =
    path !== null && existsSync(path)
      ? await besideShared(call, path)
      : await attempt(call, { path, timeout, enter: () => true, signal: options.signal });
  const { ending } = tried;
  if (path !== null && !ending.begun && (ending.kind === 'not_begun' || ending.kind === 'timeout'))
    await dropControl(path);
  return outcomeOf(call, tried);
}

function commandFor({ argv, options, settings }: Call, timeout: number): RemoteCommand | null {
  const begin = Math.min(settings.ssh_timeout + SSH_LOGIN_MS, timeout);
  return remoteCommand(argv, begin, options.input !== undefined);
}

/**
 * A shared connection can be dead without knowing it (the host lost its power): where it has not begun the command after a
 * moment, a connection of its own is tried beside it. Only one of the two gets in, so nothing is done twice.
 */
async function besideShared(call: Call, path: string): Promise<Tried> {
  const began = performance.now();
  const moment = new AbortController();
  const ends = [new AbortController(), new AbortController()] as const;
  const gate: { inside: AbortController | null } = { inside: null };
  const enter = (own: AbortController) => (): boolean => {
    if (gate.inside !== null) return gate.inside === own;
    gate.inside = own;
    moment.abort();
    for (const end of ends) if (end !== own) end.abort();
    return true;
  };
  const until = ({ signal }: AbortController): AbortSignal =>
    AbortSignal.any([signal, ...(call.options.signal === undefined ? [] : [call.options.signal])]);
  const way = (own: AbortController): Pick<Way, 'enter' | 'signal'> => ({ enter: enter(own), signal: until(own) });
  const first = attempt(call, { path, timeout: call.timeout, ...way(ends[0]) });
  const early = await Promise.race([first, pause(SSH_SHARED_MS, moment.signal)]);
  moment.abort();
  const left = call.timeout - (performance.now() - began);
  if (early !== undefined || gate.inside !== null || left <= 0) return first;
  const second = attempt(call, { path: null, timeout: left, ...way(ends[1]) });
  const [shared, own] = await Promise.all([first, second]);
  if (shared.ending.begun) return shared;
  await dropControl(path);
  return own;
}

async function sharedPath(settings: HostsSettings, server: HostDef): Promise<string | null> {
  const folder = await controlFolder(settings.env);
  if (folder === null) return null;
  const { hostname, ssh_port, ssh_user, ssh_key } = server;
  return controlPath(folder, [hostname, ssh_port, ssh_user, ssh_key, settings.env['HANDYREP_SSH_CONFIG'] ?? null]);
}

/** One connection. */
interface Way {
  /** The socket of a shared connection; null: none. */
  readonly path: string | null;
  readonly timeout: number;
  readonly enter: () => boolean;
  readonly signal: AbortSignal | undefined;
}

interface Tried {
  readonly command: RemoteCommand;
  readonly ending: Ending;
}

async function attempt(call: Call, { path, timeout, enter, signal }: Way): Promise<Tried> {
  const { settings, server, options } = call;
  const command = commandFor(call, timeout);
  if (command === null) throw new RangeError('a command became longer');
  const { handshake } = command;
  const args = sshArgs(server, command.line, {
    ssh_timeout: settings.ssh_timeout,
    config_file: settings.env['HANDYREP_SSH_CONFIG'] ?? null,
    control_path: path,
  });
  const ending = await exec(args, {
    timeout,
    env: localEnv(settings.env),
    signal,
    input: `${handshake.begun}\n${options.input ?? ''}`,
    onOutput: options.onOutput,
    lifeline: options.lifeline,
    handshake: { ...handshake, enter },
  });
  return { command, ending };
}

function outcomeOf(call: Call, { command, ending }: Tried): Outcome<CommandResult> {
  const { server, name, timeout } = call;
  switch (ending.kind) {
    case 'exited':
      return exitedOutcome(call, command, ending);
    case 'not_begun':
      return connectFailed(call, ending.stderr, `no shell after ${String(command.handshake.timeout)} ms`);
    case 'timeout':
      if (!ending.begun) return connectFailed(call, ending.stderr, `no shell after ${String(timeout)} ms`);
      return fail(
        'command_timeout',
        `${server.name}: ${name} did not end within ${String(timeout)} ms; it may still run there`,
        {
          hint: `look at ${server.hostname}; command_timeout says how long a command may take`,
        },
      );
    case 'aborted':
    case 'missing':
    case 'too_much':
    case 'not_run':
      return { ok: false, error: endingFailure(ending, `${server.name}: ${name}`, 'ssh', timeout) };
  }
}

function exitedOutcome(call: Call, command: RemoteCommand, ending: Ending): Outcome<CommandResult> {
  const { server, name } = call;
  const remote = readRemote(ending, command.handshake);
  switch (remote.kind) {
    case 'done':
      return ok({ exit_code: remote.exit_code, stdout: remote.stdout, stderr: remote.stderr });
    case 'lost':
      return fail(
        'ssh_connect',
        `${server.name}: the ssh connection was lost while ${name} ran, and it is not known whether it ended: ${remote.words}`,
        { hint: `look at ${server.hostname} before it is run again`, cause: String(ending.exit_code) },
      );
    case 'not_run':
      if (ending.exit_code === 255) return connectFailed(call, ending.stderr, 'ssh said nothing');
      return fail('ssh_connect', `${server.name}: the login shell did not run our command: ${remote.words}`, {
        hint: `give ${server.ssh_user ?? 'the ssh user'} a POSIX shell on ${server.hostname}, and no forced command`,
        cause: String(ending.exit_code),
      });
  }
}

function connectFailed(call: Call, stderr: string, otherwise: string): { readonly ok: false; readonly error: Failure } {
  const { server } = call;
  const words = lastLines(stderr);
  const where = server.ssh_port === 22 ? server.hostname : `${server.hostname} port ${String(server.ssh_port)}`;
  return fail('ssh_connect', `${server.name}: ssh could not connect to ${where}: ${words === '' ? otherwise : words}`, {
    hint: sshHint(server, stderr),
    cause: '255',
  });
}
