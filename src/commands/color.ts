import { Chalk, type ChalkInstance } from 'chalk';
import type { CommandContext } from './context.js';

/** Colour only on a terminal, and never against --no-color or NO_COLOR. */
export function colorFor({ globals, stdout, env }: CommandContext): ChalkInstance {
  const wanted = globals.color !== false && stdout.isTTY === true && env['NO_COLOR'] === undefined;
  return new Chalk({ level: wanted ? 1 : 0 });
}

/** Columns of the terminal; without one lines are not broken. */
export function widthOf({ stdout }: CommandContext): number {
  return stdout.isTTY === true && 'columns' in stdout && typeof stdout.columns === 'number' ? stdout.columns : Infinity;
}
