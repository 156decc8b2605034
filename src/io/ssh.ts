import type { HostDef } from '../core/model.js';

/** What of the settings and of the environment shapes an ssh command. */
export interface SshSettings {
  /** Milliseconds to connect. */
  readonly ssh_timeout: number;
  /** A configuration file instead of the user's own; null: ssh finds its own. */
  readonly config_file: string | null;
  /** The socket of a shared connection; null: connect for this command alone. */
  readonly control_path: string | null;
}

/** How often, in seconds, a silent connection is asked whether it lives, and after how many unanswered times it is dead. */
const ALIVE_INTERVAL = 5;
const ALIVE_COUNT = 3;
/** Seconds that a shared connection outlives its last command: the next round of a cron job finds it. */
const PERSIST = 60;

/** The argument list that runs one line of shell on a server's host. */
export function sshArgs(server: HostDef, line: string, settings: SshSettings): readonly [string, ...string[]] {
  const options: readonly (readonly [string, string])[] = [
    ['BatchMode', 'yes'],
    // Never weaker than this, whatever the user's configuration says. `accept-new` would trust a host at the moment of a
    // failover.
    ['StrictHostKeyChecking', 'yes'],
    ['ConnectTimeout', String(Math.max(1, Math.ceil(settings.ssh_timeout / 1000)))],
    ['ConnectionAttempts', '1'],
    ['ServerAliveInterval', String(ALIVE_INTERVAL)],
    ['ServerAliveCountMax', String(ALIVE_COUNT)],
    // What a user's configuration may add for people, and what breaks a command.
    ['ClearAllForwardings', 'yes'],
    ['RemoteCommand', 'none'],
    ['PermitLocalCommand', 'no'],
    ['LogLevel', 'ERROR'],
    ...controlOptions(settings.control_path),
    ...(server.ssh_key === null ? [] : [['IdentitiesOnly', 'yes'] as const]),
  ];
  return [
    'ssh',
    '-T',
    '-a',
    '-x',
    ...(settings.config_file === null ? [] : ['-F', settings.config_file]),
    ...options.flatMap(([name, value]) => ['-o', `${name}=${value}`]),
    '-p',
    String(server.ssh_port),
    ...(server.ssh_user === null ? [] : ['-l', server.ssh_user]),
    ...(server.ssh_key === null ? [] : ['-i', server.ssh_key]),
    '--',
    server.hostname,
    line,
  ];
}

function controlOptions(path: string | null): readonly (readonly [string, string])[] {
  if (path === null) {
    return [
      ['ControlMaster', 'no'],
      ['ControlPath', 'none'],
    ];
  }
  return [
    ['ControlMaster', 'auto'],
    // ssh expands tokens in it.
    ['ControlPath', path.replaceAll('%', '%%')],
    ['ControlPersist', String(PERSIST)],
  ];
}

/** What ssh's own words mean for the operator: it has one exit status (255) for everything that goes wrong. */
export function sshHint(server: HostDef, words: string): string {
  const port = server.ssh_port === 22 ? '' : `-p ${String(server.ssh_port)} `;
  const who = server.ssh_user === null ? server.hostname : `${server.ssh_user}@${server.hostname}`;
  if (words.includes('REMOTE HOST IDENTIFICATION HAS CHANGED')) {
    return `the host key is not the one in known_hosts: make sure that nobody is in between, then \`ssh-keygen -R ${server.hostname}\` and add the new one`;
  }
  if (/host key verification failed|no .* host key is known/i.test(words)) {
    return `its host key is not known here: compare what \`ssh-keyscan ${port}${server.hostname}\` prints with the host, and add it to known_hosts`;
  }
  if (/permission denied|too many authentication failures/i.test(words)) {
    return `let this user's key in on the host (authorized_keys), or set ssh_user and ssh_key; try \`ssh ${port}${who} true\``;
  }
  if (/could not resolve hostname|name or service not known/i.test(words)) {
    return "check this host's name resolution, or use an address as hostname";
  }
  if (/bad configuration option|bad owner or permissions|terminating, \d+ bad/i.test(words)) {
    return "correct this user's ssh configuration";
  }
  return `try \`ssh ${port}${who} true\` by hand`;
}
