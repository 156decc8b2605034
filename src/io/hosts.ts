import type { ServerDef } from '../core/model.js';
import { fail, ok, type Outcome } from '../core/outcome.js';
import type { CommandOptions, CommandResult, HostPort } from '../plugin/contract.js';
import { localArgs, sudoArgs, sudoRefusal, type Argv } from './become.js';
import { execCommand } from './exec.js';
import { localEnv, type HostsSettings } from './host-settings.js';
import { runOverSsh } from './ssh-run.js';

export type { HostsSettings } from './host-settings.js';

/** Remote and local commands on the servers' hosts. */
export function createHosts(settings: HostsSettings): HostPort {
  const run: HostPort['run'] = async (server, argv, options = {}) => {
    const done = await runOn(settings, server, argv, options);
    return done.ok && done.value.exit_code === 127 ? missing(server, argv[0]) : done;
  };
  return {
    run,
    script: (server, script, args, options = {}) =>
      runOn(settings, server, ['sh', '-c', script, 'handyrep', ...args], options),
  };
}

async function runOn(
  settings: HostsSettings,
  server: ServerDef,
  argv: Argv,
  options: CommandOptions,
): Promise<Outcome<CommandResult>> {
  if (argv.some((one) => one.includes('\0'))) {
    return fail('command_failed', `${server.name}: an argument of ${argv[0]} holds a NUL`, { server: server.name });
  }
  const become = (options.as ?? 'postgres') === 'postgres' && server.become === 'sudo';
  const done =
    server.connection === 'ssh'
      ? await runOverSsh(settings, server, become ? sudoArgs(settings.postgres_os_user, argv) : argv, options, argv[0])
      : await runHere(settings, server, become ? localArgs(settings.postgres_os_user, argv) : argv, options, argv[0]);
  if (!done.ok) return { ok: false, error: { ...done.error, server: server.name } };
  return become ? readSudo(settings, server, argv, done.value) : done;
}

function runHere(
  settings: HostsSettings,
  server: ServerDef,
  argv: Argv,
  options: CommandOptions,
  name: string,
): Promise<Outcome<CommandResult>> {
  return execCommand(argv, {
    timeout: options.timeout ?? settings.command_timeout,
    env: localEnv(settings.env),
    signal: options.signal,
    input: options.input,
    label: `${server.name}: ${name}`,
  });
}

function readSudo(
  settings: HostsSettings,
  server: ServerDef,
  argv: Argv,
  result: CommandResult,
): Outcome<CommandResult> {
  switch (sudoRefusal(result.exit_code, result.stderr)) {
    case null:
      return ok(result);
    case 'missing':
      return missing(server, argv[0]);
    case 'refused': {
      const who = server.connection === 'ssh' ? (server.ssh_user ?? 'the ssh user') : 'this user';
      const words = result.stderr.trim().split('\n')[0] ?? '';
      return fail(
        'command_failed',
        `${server.name}: sudo refused to run ${argv[0]} as ${settings.postgres_os_user}: ${words}`,
        {
          server: server.name,
          cause: '1',
          hint: `in /etc/sudoers.d on ${server.hostname}: \`${who} ALL=(${settings.postgres_os_user}) NOPASSWD: ALL\``,
        },
      );
    }
  }
}

function missing(server: ServerDef, program: string): Outcome<never> {
  return fail('command_missing', `${server.name}: ${program} was not found on ${server.hostname}`, {
    server: server.name,
    cause: '127',
    hint: `install it there, or correct bin_dir or PATH`,
  });
}
