import { userInfo } from 'node:os';

export type Argv = readonly [string, ...string[]];

/** Written to standard error once sudo has let us in: what is written before it is sudo's own. */
const LET_IN = 'handyrep-sudo-let-us-in';

/**
 * `sudo` that never asks: a question would hang a cron job. The shell in between tells sudo's refusal from a command that
 * fails by itself, which sudo's exit status does not, and its words neither: it may warn and go on.
 */
export function sudoArgs(user: string, argv: Argv): Argv {
  return ['sudo', '-n', '-u', user, '--', 'sh', '-c', `printf '%s\\n' ${LET_IN} >&2; exec "$@"`, 'handyrep', ...argv];
}

/** Whether an argument list is one of {@link sudoArgs}. */
export function isSudo(argv: Argv): boolean {
  return argv[0] === 'sudo';
}

/** What the command itself wrote to standard error; null when sudo did not let us in. */
export function afterSudo(stderr: string): string | null {
  const mark = `${LET_IN}\n`;
  const at = stderr.indexOf(mark);
  return at < 0 ? null : stderr.slice(at + mark.length);
}

/**
 * What root has and the other user must not get, as sudo does it: without HOME libpq looks the user's home up, and
 * root's PATH may lead through folders that he cannot read.
 */
const FRESH = [
  ...['HOME', 'USER', 'LOGNAME', 'XDG_RUNTIME_DIR', 'SSH_AUTH_SOCK', 'KRB5CCNAME', 'TMPDIR'].flatMap((name) => [
    '-u',
    name,
  ]),
  'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
];

/** How this process becomes the postgres OS user on its own host. */
export function localArgs(user: string, argv: Argv): Argv {
  const self = whoAmI();
  if (self.name === user) return argv;
  // root needs no sudo, and sudo may not be installed.
  if (self.uid === 0) return ['runuser', '-u', user, '--', 'env', ...FRESH, ...argv];
  return sudoArgs(user, argv);
}

/** Who runs this process. */
export function whoAmI(): { readonly name: string | null; readonly uid: number } {
  try {
    const { username, uid } = userInfo();
    return { name: username, uid };
  } catch {
    // A container may run under a number that has no name.
    return { name: null, uid: process.getuid?.() ?? -1 };
  }
}
