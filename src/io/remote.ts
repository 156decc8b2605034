import { randomBytes } from 'node:crypto';
import type { Ending, Handshake } from './exec.js';
import { quoteArgs } from './quote.js';

/**
 * A command for a far shell, and the marks that it sets. By them the command's exit status is told from ssh's own 255,
 * its output from the noise of login scripts, and a command that never began from one whose connection was lost.
 */
export interface RemoteCommand {
  /** For the login shell of the far side; nothing but `exec sh -c` and quoted words. */
  readonly line: string;
  readonly handshake: Handshake;
}

/** `begun` on standard error, then it waits for our line, so that it cannot run after we gave it up. */
const SCRIPT = `
begun=$1; ended=$2; quiet=$3; shift 3
printf '\\n%s\\n' "$begun" >&2
printf '\\n%s\\n' "$begun"
IFS= read -r go || exit 125
[ "$go" = "$begun" ] || exit 125
LC_ALL=C; PATH=\${PATH:-/usr/local/bin:/usr/bin:/bin}:/usr/sbin:/sbin; export LC_ALL PATH
cd /
if [ "$quiet" = quiet ]; then "$@" </dev/null; else "$@"; fi
status=$?
printf '\\n%s %d\\n' "$ended" "$status" >&2
printf '\\n%s\\n' "$ended"
exit "$status"
`;

/** What one argument of a command may hold on Linux (MAX_ARG_STRLEN), with room for the quotes of others. */
const LONGEST_LINE = 120_000;

/** Wraps an argument list; null when it is longer than a command can be. Throws a RangeError for a NUL. */
export function remoteCommand(argv: readonly string[], begin_timeout: number, input: boolean): RemoteCommand | null {
  const nonce = randomBytes(8).toString('hex');
  const begun = `handyrep-begun-${nonce}`;
  const ended = `handyrep-ended-${nonce}`;
  const line = `exec sh -c ${quoteArgs([SCRIPT, 'handyrep', begun, ended, input ? 'input' : 'quiet', ...argv])}`;
  if (Buffer.byteLength(line) > LONGEST_LINE) return null;
  return { line, handshake: { begun, ended, timeout: begin_timeout } };
}

/** What a remote command came to. */
export type RemoteEnding =
  | { readonly kind: 'done'; readonly exit_code: number; readonly stdout: string; readonly stderr: string }
  /** It has certainly not run; `words` are ssh's. */
  | { readonly kind: 'not_run'; readonly words: string }
  /** It began, and then the connection was lost: nobody knows whether it ended. */
  | { readonly kind: 'lost'; readonly words: string };

/** Reads the marks in what came back from a command that was not killed. */
export function readRemote(ending: Ending, { begun, ended }: Handshake): RemoteEnding {
  const stderr = afterMark(ending.stderr, begun);
  const stdout = afterMark(ending.stdout, begun);
  if (stderr === null || stdout === null) return { kind: 'not_run', words: lastLines(ending.stderr) };
  const [errText, status] = beforeMark(stderr, ended);
  if (status === null) return { kind: 'lost', words: lastLines(stderr) };
  return { kind: 'done', exit_code: Number(status), stdout: beforeMark(stdout, ended)[0], stderr: errText };
}

function afterMark(text: string, mark: string): string | null {
  const at = text.indexOf(`\n${mark}\n`);
  return at < 0 ? null : text.slice(at + mark.length + 2);
}

function beforeMark(text: string, mark: string): readonly [string, string | null] {
  const at = text.lastIndexOf(`\n${mark}`);
  if (at < 0) return [text, null];
  return [
    text.slice(0, at),
    text
      .slice(at + mark.length + 1)
      .trim()
      .split('\n')[0] ?? '',
  ];
}

/** ssh's own words, the last of them: what it says first are often warnings. */
export function lastLines(text: string): string {
  const lines = text.split('\n').map((line) => line.trim());
  return lines
    .filter((line) => line !== '')
    .slice(-2)
    .join('; ');
}
