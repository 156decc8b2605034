import type { CommandOptions } from '../plugin/contract.js';

/** What the host port is built from. Times in milliseconds. */
export interface HostsSettings {
  readonly postgres_os_user: string;
  readonly ssh_timeout: number;
  readonly command_timeout: number;
  /** Of this process; `HANDYREP_SSH_CONFIG` in it names a configuration file for ssh. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A command's options, and for one on a lifeline how long it may take to clean up when that ends, milliseconds. */
export interface RunOptions extends CommandOptions {
  readonly lifeline?: number;
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
