import { userInfo } from 'node:os';

export type Argv = readonly [string, ...string[]];

/** `sudo` that never asks: a question would hang a cron job. */
export function sudoArgs(user: string, argv: Argv): Argv {
  return ['sudo', '-n', '-u', user, '--', ...argv];
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

function whoAmI(): { readonly name: string | null; readonly uid: number } {
  try {
    const { username, uid } = userInfo();
    return { name: username, uid };
  } catch {
    // A container may run under a number that has no name.
    return { name: null, uid: process.getuid?.() ?? -1 };
  }
}

/**
 * sudo's refusal, if that is what this is: its own words begin with its name in every language, and it exits with 1.
 */
export function sudoRefusal(exit_code: number, stderr: string): 'refused' | 'missing' | null {
  if (exit_code !== 1 || !stderr.trimStart().startsWith('sudo: ')) return null;
  return /^sudo: .*command not found/m.test(stderr) ? 'missing' : 'refused';
}
