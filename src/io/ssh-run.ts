import { existsSync } from 'node:fs';
import type { HostDef } from '../core/model.js';
import { fail, ok, type Failure, type Outcome } from '../core/outcome.js';
import type { CommandResult } from '../plugin/contract.js';
import { endingFailure, exec, type Ending } from './exec.js';
import { localEnv, type HostsSettings, type RunOptions } from './host-settings.js';
import { lastLines, readRemote, remoteCommand, type RemoteCommand } from './remote.js';
import { sshArgs, sshHint } from './ssh.js';
import { controlFolder, controlPath, dropControl } from './ssh-control.js';

/** What ssh gets beyond its own ConnectTimeout, so that its words come before our deadline: logging in takes time too. */
const LOGIN_TIME = 1000;

interface Call {
  readonly settings: HostsSettings;
  readonly server: HostDef;
  readonly options: RunOptions;
  readonly name: string;
  readonly timeout: number;
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
  const begin = Math.min(settings.ssh_timeout + LOGIN_TIME, timeout);
  const command = remoteCommand(argv, begin, options.input !== undefined);
  if (command === null) return fail('command_failed', `${server.name}: the arguments of ${name} are too long for ssh`);
  const call = { settings, server, options, name, timeout };
  const began = performance.now();
  const path = await sharedPath(settings, server);
  const shared = path !== null && existsSync(path);
  const first = await attempt(call, command, path, timeout);
  if (path === null || first.begun || (first.kind !== 'not_begun' && first.kind !== 'timeout'))
    return outcomeOf(call, command, first);
  await dropControl(path);
  const left = timeout - (performance.now() - began);
  if (!shared || left <= 0) return outcomeOf(call, command, first);
  // A shared connection can be dead without knowing it (the host was restarted). What did not begin may be tried again.
  return outcomeOf(call, command, await attempt(call, command, null, left));
}

async function sharedPath(settings: HostsSettings, server: HostDef): Promise<string | null> {
  const folder = await controlFolder(settings.env);
  if (folder === null) return null;
  const { hostname, ssh_port, ssh_user, ssh_key } = server;
  return controlPath(folder, [hostname, ssh_port, ssh_user, ssh_key, settings.env['HANDYREP_SSH_CONFIG'] ?? null]);
}

function attempt(call: Call, command: RemoteCommand, path: string | null, timeout: number): Promise<Ending> {
  const { settings, server, options } = call;
  const { handshake } = command;
  const args = sshArgs(server, command.line, {
    ssh_timeout: settings.ssh_timeout,
    config_file: settings.env['HANDYREP_SSH_CONFIG'] ?? null,
    control_path: path,
  });
  return exec(args, {
    timeout,
    env: localEnv(settings.env),
    signal: options.signal,
    input: `${handshake.begun}\n${options.input ?? ''}`,
    onOutput: options.onOutput,
    lifeline: options.lifeline,
    handshake,
  });
}

function outcomeOf(call: Call, command: RemoteCommand, ending: Ending): Outcome<CommandResult> {
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
