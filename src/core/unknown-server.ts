import type { Failure } from './outcome.js';
import { didYouMean } from './suggest.js';

/** A name that no server has: as typed, made visible, with the nearest name or all of them. */
export function unknownServer(name: string, known: readonly string[]): Failure {
  const all = known.length === 0 ? 'there are none yet' : `the servers are ${known.join(', ')}`;
  return {
    code: 'unknown_server',
    message: `there is no server ${visible(name)}`,
    hint: didYouMean(name, known) ?? all,
  };
}

/** What was typed may hold what a terminal acts on. */
function visible(name: string): string {
  if (/^[\w.-]+$/.test(name)) return name;
  return JSON.stringify(name).replaceAll(/\p{Cf}/gu, (mark) => `\\u{${(mark.codePointAt(0) ?? 0).toString(16)}}`);
}
