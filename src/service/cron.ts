import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type CronProgram, cronLines, withCronLines, withoutCronLines } from '../core/cron.js';
import type { Outcome } from '../core/outcome.js';
import { readCrontab, writeCrontab } from '../io/crontab.js';
import { type Report, failed, success } from '../report/report.js';

export type CronAction = 'print' | 'install' | 'remove';

/** Answer of `cron`. */
export type CronReport = Report & {
  /** What the crontab holds of this configuration, or would. */
  readonly lines: readonly string[];
  readonly changed: boolean;
};

export interface CronRequest {
  readonly action: CronAction;
  readonly config_file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/** The crontab lines of a configuration: shown, put into the crontab of who runs this, or taken out of it. */
export async function cron({ action, config_file, env, signal }: CronRequest): Promise<CronReport | Report> {
  const how = cronProgram(config_file, env);
  if (action === 'print') {
    const details = '`handyrep cron --install` writes these lines into the crontab of this user';
    return success(details, { lines: cronLines(how), changed: false });
  }
  const before = await readCrontab(env, signal);
  if (!before.ok) return failed(before.error);
  const after: Outcome<string> =
    action === 'install' ? withCronLines(before.value, how) : withoutCronLines(before.value, config_file);
  if (!after.ok) return failed(after.error);
  const lines = action === 'install' ? cronLines(how) : [];
  const state = action === 'install' ? 'has' : 'has no more';
  const details = `the crontab ${state} the lines of ${config_file}`;
  if (after.value === before.value) return success(`${details}: nothing had to be changed`, { lines, changed: false });
  const written = await writeCrontab(after.value, env, signal);
  return written.ok ? success(details, { lines, changed: true }) : failed(written.error);
}

/** How cron, whose PATH is `/usr/bin:/bin`, can call this program. */
export function cronProgram(config_file: string, env: CronRequest['env']): CronProgram {
  const called = process.argv[1] ?? '';
  const folders = (env['PATH'] ?? '').split(':').filter((folder) => folder.startsWith('/'));
  const found = folders.map((folder) => join(folder, 'handyrep')).find((file) => existsSync(file));
  const program = basename(called) === 'handyrep' ? called : (found ?? 'handyrep');
  const node = dirname(process.execPath);
  return { program, config_file, path: ['/usr/bin', '/bin'].includes(node) ? [] : [node] };
}
