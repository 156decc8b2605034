import type { Failure } from './outcome.js';
import { didYouMean } from './suggest.js';

/** A name that no server has: as typed, made visible, with the nearest name or all of them. */
export function unknownServer(name: string, known: readonly string[]): Failure {
  const all = known.length === 0 ? 'there are none yet' : `the servers are ${known.join(', ')}`;
  return {
    code: 'unknown_server',
    message: `there is no server ${/^[\w.-]+$/.test(name) ? name : JSON.stringify(name)}`,
    hint: didYouMean(name, known) ?? all,
  };
}
