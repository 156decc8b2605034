/** Quotes one argument for a POSIX `sh`: single quotes, inside which nothing has a meaning but the quote itself. */
export function quoteArg(text: string): string {
  if (text.includes('\0')) throw new RangeError('an argument cannot hold a NUL');
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** An argument list as one line for a POSIX `sh`. Throws a RangeError for a NUL, which no argument can hold. */
export function quoteArgs(argv: readonly string[]): string {
  return argv.map(quoteArg).join(' ');
}
