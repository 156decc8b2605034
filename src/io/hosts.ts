import { LIFELINE_GRACE_MS } from '../core/limits.js';
import type { HostDef } from '../core/model.js';
import { fail, ok, type Outcome } from '../core/outcome.js';
import { SUDOERS_FILE, becomeLine } from '../core/sudoers.js';
import type { CommandResult, HostPort } from '../plugin/contract.js';
import { afterSudo, isSudo, localArgs, sudoArgs, whoAmI, type Argv } from './become.js';
import { execCommand } from './exec.js';
import { lifelineArgs } from './lifeline.js';
import { lastLines } from './remote.js';
import { localEnv, type HostsSettings, type RunOptions } from './host-settings.js';
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
    long: (server, script, args, { secret = null, ...options }) =>
      runOn(settings, server, lifelineArgs(script, args), {
        ...options,
        input: `${secret ?? ''}\n`,
        lifeline: LIFELINE_GRACE_MS,
      }),
  };
}

async function runOn(
  settings: HostsSettings,
  server: HostDef,
  argv: Argv,
  options: RunOptions,
): Promise<Outcome<CommandResult>> {
  if (argv.some((one) => one.includes('\0'))) {
    return fail('command_failed', `${server.name}: an argument of ${argv[0]} holds a NUL`, { server: server.name });
  }
  if (options.env !== undefined && (server.connection === 'ssh' || options.as !== 'login')) {
    throw new Error('environment variables are for commands on this host, as its user');
  }
  const become = (options.as ?? 'postgres') === 'postgres' && server.become === 'sudo';
  const { postgres_os_user } = settings;
  const ssh = server.connection === 'ssh';
  const full = !become ? argv : ssh ? sudoArgs(postgres_os_user, argv) : localArgs(postgres_os_user, argv);
  const done = await (ssh ? runOverSsh : runHere)(settings, server, full, options, argv[0]);
  if (!done.ok) return { ok: false, error: { ...done.error, server: server.name } };
  return isSudo(full) && become ? readSudo(settings, server, argv[0], done.value) : done;
}

function runHere(
  settings: HostsSettings,
  server: HostDef,
  argv: Argv,
  options: RunOptions,
  name: string,
): Promise<Outcome<CommandResult>> {
  return execCommand(argv, {
    timeout: options.timeout ?? settings.command_timeout,
    env: { ...localEnv(settings.env), ...options.env },
    signal: options.signal,
    input: options.input,
    onOutput: options.onOutput,
    lifeline: options.lifeline,
    label: `${server.name}: ${name}`,
  });
}

function readSudo(
  settings: HostsSettings,
  server: HostDef,
  name: string,
  result: CommandResult,
): Outcome<CommandResult> {
  const stderr = afterSudo(result.stderr);
  if (stderr !== null) return ok({ ...result, stderr });
  const { postgres_os_user: user } = settings;
  // Not even sudo was found by the far shell.
  if (result.exit_code === 127) return missing(server, 'sudo');
  const who = server.connection === 'ssh' ? (server.ssh_user ?? 'USER') : (whoAmI().name ?? 'USER');
  return fail('command_failed', `${server.name}: sudo refused to run ${name} as ${user}: ${lastLines(result.stderr)}`, {
    server: server.name,
    cause: String(result.exit_code),
    hint: `in ${SUDOERS_FILE} on ${server.hostname}: \`${becomeLine(who, user)}\``,
  });
}

function missing(server: HostDef, program: string): Outcome<never> {
  return fail('command_missing', `${server.name}: ${program} was not found on ${server.hostname}`, {
    server: server.name,
    cause: '127',
    hint: `install it there, or correct bin_dir or PATH`,
  });
}
