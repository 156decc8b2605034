/** Global options that have a value behind them. */
const WITH_VALUE: ReadonlySet<string> = new Set(['-c', '--config', '--lock-wait']);

/**
 * The command that a command line names, as far as that can be told before anything is loaded; `none` without one. Only
 * for the choice of cached code: a wrong guess costs time, nothing else.
 */
export function commandWord(argv: readonly string[]): string {
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? '';
    if (WITH_VALUE.has(word)) at++;
    else if (!word.startsWith('-')) return /^[a-z-]{1,24}$/.test(word) ? word : 'none';
  }
  return 'none';
}
