import { shellWord } from './doctor.js';

/** What is run once a minute: checks for 55 seconds, every poll_interval, and prints failures only. */
export function cronLine(program: string, config_file: string): string {
  const words = [program, '-c', config_file, '-q', 'failover-check', '--for', '55s'].map(shellWord);
  // cron reads a percent sign as the end of the line (crontab(5)).
  return `* * * * * ${words.join(' ').replaceAll('%', '\\%')}`;
}
