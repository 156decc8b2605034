import { type Outcome, fail, ok } from '../core/outcome.js';
import { exec } from './exec.js';
import { localEnv } from './host-settings.js';

/** How long `crontab` may take, milliseconds: it reads or writes a file. */
const CRONTAB_MS = 5000;

type Env = Readonly<Record<string, string | undefined>>;

/** The crontab of who runs this, empty where there is none; never empty because it could not be read. */
export async function readCrontab(env: Env, signal: AbortSignal): Promise<Outcome<string>> {
  const done = await exec(['crontab', '-l'], { timeout: CRONTAB_MS, env: localEnv(env), signal });
  if (done.kind === 'exited' && done.exit_code === 0) return ok(done.stdout);
  if (done.kind === 'exited' && /^no crontab for /m.test(done.stderr)) return ok('');
  return unusable('read', done.kind === 'missing' ? 'crontab is not installed' : done.stderr.trim() || done.kind);
}

/** Puts a crontab in the place of the one that is there; an empty one removes it. */
export async function writeCrontab(text: string, env: Env, signal: AbortSignal): Promise<Outcome<void>> {
  const argv = text.trim() === '' ? (['crontab', '-r'] as const) : (['crontab', '-'] as const);
  const done = await exec(argv, { timeout: CRONTAB_MS, env: localEnv(env), signal, input: text });
  if (done.kind === 'exited' && done.exit_code === 0) return ok(undefined);
  return unusable('written', done.stderr.trim() || done.kind);
}

function unusable(what: string, why: string): Outcome<never> {
  return fail('command_failed', `the crontab cannot be ${what}: ${why}`, {
    hint: 'write the lines of `handyrep cron` where your scheduler reads them',
  });
}
