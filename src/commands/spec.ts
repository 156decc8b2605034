import { InvalidArgumentError } from 'commander';
import type { ExitCode } from '../core/codes.js';
import { parseDuration } from '../core/duration.js';
import { didYouMean } from '../core/suggest.js';
import type { CommandContext } from './context.js';

export type Handler<O> = (context: CommandContext, options: O, args: readonly string[]) => Promise<ExitCode>;

/** One command: what is typed, what help says, and where it is loaded from when it runs. */
export interface CommandSpec<O> {
  readonly usage: string;
  readonly description: string;
  readonly example: string;
  readonly options?: readonly (readonly [flags: string, text: string, parse?: (text: string) => unknown])[];
  readonly load: () => Promise<Handler<O>>;
}

export type Add = <O>(spec: CommandSpec<O>) => void;

/** Milliseconds. */
export function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === null) throw new InvalidArgumentError('a duration is a number of seconds, or 500ms, 5s, 2m, 1h.');
  return ms;
}

export function count(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number is needed.');
  return Number(text);
}

/** One of these words, and the nearest of them for a misspelt one. */
export function oneOf<Word extends string>(...words: readonly Word[]): (text: string) => Word {
  return (text) => {
    const word = words.find((one) => one === text);
    if (word !== undefined) return word;
    throw new InvalidArgumentError(`it is ${words.join(' or ')}${hintFor(text, words)}.`);
  };
}

function hintFor(text: string, words: readonly string[]): string {
  const hint = didYouMean(text, words);
  return hint === null ? '' : `; ${hint.replace(/\?$/, '')}`;
}

/** A flag that can be given several times. */
export function each(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}
