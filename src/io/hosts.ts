import type { ServerDef } from '../core/model.js';
import { fail, ok, type Outcome } from '../core/outcome.js';
import type { CommandOptions, CommandResult, HostPort } from '../plugin/contract.js';
import { localArgs, sudoArgs, sudoRefusal, type Argv } from './become.js';
import { execCommand } from './exec.js';
import { runOverSsh } from './ssh-run.js';

/** What the host port is built from. Times in milliseconds. */
export interface HostsSettings {
  readonly postgres_os_user: string;
  readonly ssh_timeout: number;
  readonly command_timeout: number;
  /** Of this process; `HANDYREP_SSH_CONFIG` in it names a configuration file for ssh. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

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

/** What a local command may know of our environment: no libpq variable, no language, no secret. */
export function localEnv(env: HostsSettings['env']): Record<string, string> {
  const kept = ['HOME', 'USER', 'LOGNAME', 'SHELL', 'TMPDIR', 'TZ', 'XDG_RUNTIME_DIR', 'SSH_AUTH_SOCK', 'KRB5CCNAME'];
  const found: Record<string, string> = {
    LC_ALL: 'C',
    PATH: `${env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin'}:/usr/sbin:/sbin`,
  };
  for (const name of kept) {
    const value = env[name];
    if (value !== undefined) found[name] = value;
  }
  return found;
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
