import { sanitize } from './sanitize.js';

/** What the lines are shown from. */
export interface SudoersView {
  readonly details: string;
  readonly sudoers: readonly {
    readonly server: string;
    readonly hostname: string;
    readonly file: string;
    readonly lines: readonly string[];
  }[];
}

/** A file for each host, as it is to be written; comments are sudo's own. */
export function sudoersText({ details, sudoers }: SudoersView): string {
  const hosts = sudoers.map(({ server, hostname, file, lines }) =>
    [
      `# ${sanitize(server)} (${sanitize(hostname)}): ${file}`,
      ...(lines.length === 0 ? ['# nothing: the ssh user is the postgres OS user'] : lines.map(sanitize)),
    ].join('\n'),
  );
  return [`# ${details}`, ...hosts].join('\n');
}
