/** How a database host reaches a place of the archive. */
export interface SshReach {
  /** Seconds. */
  readonly connect_timeout: number;
  readonly ssh_options: readonly string[];
}

/** Who is logged in to; `user` absent: as ssh's own configuration says. */
export interface SshTarget {
  readonly hostname: string;
  readonly port: number;
  readonly user?: string | undefined;
}

/** The argument list of an ssh that never asks and never hangs: one that does not answer is given up. */
export function sshTo({ hostname, port, user }: SshTarget, { connect_timeout, ssh_options }: SshReach): string[] {
  return [
    'ssh',
    ...['-o', 'BatchMode=yes', '-o', `ConnectTimeout=${connect_timeout}`],
    ...['-o', 'ServerAliveInterval=5', '-o', 'ServerAliveCountMax=3'],
    ...ssh_options,
    ...['-p', String(port)],
    ...(user === undefined ? [] : ['-l', user]),
    hostname,
  ];
}
