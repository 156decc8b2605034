import { shellWord } from './doctor.js';
import { type Outcome, fail, ok } from './outcome.js';

/** How cron is to call this program. */
export interface CronProgram {
  readonly program: string;
  readonly config_file: string;
  /** Folders that are not in cron's short PATH and hold what the program needs; empty: none. */
  readonly path: readonly string[];
}

/** Once a minute: checks for 55 seconds, every poll_interval, and prints failures only. */
export function cronLine(how: CronProgram): string {
  return line('* * * * *', how, ['-q', 'failover-check', '--for', '55s']);
}

/** What a crontab holds of one configuration: its checks, and each night the doctor. */
export function cronLines(how: CronProgram): readonly string[] {
  return [cronLine(how), line('30 3 * * *', how, ['-q', 'doctor'])];
}

function line(when: string, { program, config_file, path }: CronProgram, words: readonly string[]): string {
  const env = path.length === 0 ? '' : `PATH=${[...path, '/usr/bin', '/bin'].map(shellWord).join(':')} `;
  const command = [program, '-c', config_file, ...words].map(shellWord).join(' ');
  // cron reads a percent sign as the end of the line (crontab(5)).
  return `${when} ${env}${command}`.replaceAll('%', '\\%');
}

const begin = (file: string): string => `# handyrep begins: ${file}`;
const end = (file: string): string => `# handyrep ends: ${file}`;

/** A crontab with the lines of this configuration between marks, in place of those that were there; else at its end. */
export function withCronLines(crontab: string, how: CronProgram): Outcome<string> {
  const rest = withoutCronLines(crontab, how.config_file);
  if (!rest.ok) return rest;
  const others = checkLines(rest.value);
  if (others.length > 0) {
    return fail('unsafe', `the crontab has a failover-check of its own already: ${others.join('; ')}`, {
      hint: 'remove that line first (crontab -e), or leave it as it is: two of them would hold each other up',
    });
  }
  const own = [begin(how.config_file), ...cronLines(how), end(how.config_file)];
  return ok(`${closed(rest.value)}${own.join('\n')}\n`);
}

/** A crontab without the lines of this configuration; everything else as it was. */
export function withoutCronLines(crontab: string, config_file: string): Outcome<string> {
  const lines = crontab.split('\n');
  const [from, to] = [lines.indexOf(begin(config_file)), lines.indexOf(end(config_file))];
  if (from < 0 && to < 0) return ok(crontab);
  if (from < 0 || to < from) {
    return fail('unsafe', `the crontab has only one of the two marks of ${config_file}`, {
      hint: 'remove by hand what belongs to it (crontab -e)',
    });
  }
  return ok([...lines.slice(0, from), ...lines.slice(to + 1)].join('\n'));
}

/** The lines that run checks, comments left out. */
export function checkLines(crontab: string): readonly string[] {
  return crontab.split('\n').filter((one) => !one.trimStart().startsWith('#') && /\bfailover-check\b/.test(one));
}

function closed(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}
