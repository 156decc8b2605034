/** Global options, as they are written before a command; some have a value behind them. */
const FLAGS: ReadonlySet<string> = new Set(['--json', '-q', '--quiet', '-v', '--verbose', '--no-color', '--yes']);
const WITH_VALUE: ReadonlySet<string> = new Set(['-c', '--config', '--lock-wait']);

/**
 * The command that a command line names, told before anything is loaded; `none` where anything but plain global options
 * stands before it. Only that one is described to commander, and its compiled code is kept apart. A `none` too many costs
 * time, nothing else.
 */
export function commandWord(argv: readonly string[]): string {
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? '';
    if (WITH_VALUE.has(word)) at++;
    else if (!FLAGS.has(word) && !isValued(word)) return /^[a-z][a-z-]{0,23}$/.test(word) ? word : 'none';
  }
  return 'none';
}

/** `--config=FILE` */
function isValued(word: string): boolean {
  return word.startsWith('--') && word.includes('=') && WITH_VALUE.has(word.slice(0, word.indexOf('=')));
}
