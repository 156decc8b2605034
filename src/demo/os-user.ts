import { execFile } from 'node:child_process';
import { chown, readFile } from 'node:fs/promises';
import { HandyRepError } from '../core/outcome.js';

/** The OS user that throwaway servers run as, when that is not ourselves. */
export interface OsUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** PostgreSQL refuses to run as root: as root another user is found, else null (ourselves). */
export async function serverUser(): Promise<OsUser | null> {
  if (process.getuid?.() !== 0) return null;
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = lines.find((fields) => fields[0] === name) ?? [];
    if (uid !== undefined && gid !== undefined) return { name, uid: Number(uid), gid: Number(gid) };
  }
  throw new HandyRepError({
    code: 'command_missing',
    message: 'PostgreSQL does not run as root, and this machine has no user postgres or nobody',
    hint: 'run it as an ordinary user',
  });
}

/** Gives a file or folder to the servers' user. */
export async function giveTo(user: OsUser | null, path: string): Promise<void> {
  if (user !== null) await chown(path, user.uid, user.gid);
}

/** Runs a program as the servers' user and returns its output; throws {@link HandyRepError} with what it said. */
export async function runAs(
  user: OsUser | null,
  argv: readonly [string, ...string[]],
  options: { readonly cwd: string; readonly timeout: number },
): Promise<string> {
  const [program, ...args] = user === null ? argv : (['runuser', '-u', user.name, '--', ...argv] as const);
  return new Promise((resolve, reject) => {
    execFile(program, args, { ...options, encoding: 'utf8', env: serverEnv() }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(commandError(argv[0], `${stderr}${stdout}`.trim() || error.message));
    });
  });
}

function commandError(program: string, said: string): HandyRepError {
  return new HandyRepError({ code: 'command_failed', message: `${program} failed: ${said}` });
}

/** libpq's variables of whoever runs us must not reach the servers; messages are wanted in English. */
function serverEnv(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('PG') && !name.startsWith('LC_'));
  return { ...Object.fromEntries(kept), LC_ALL: 'C', LANG: 'C' };
}
