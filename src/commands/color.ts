import { type Colors, NO_COLORS } from '../report/colors.js';
import type { CommandContext } from './context.js';

/** Colour only on a terminal, and never against --no-color or NO_COLOR. */
export async function colorsFor({
  globals,
  stdout,
  env,
}: Pick<CommandContext, 'globals' | 'stdout' | 'env'>): Promise<Colors> {
  if (globals.color === false || stdout.isTTY !== true || env['NO_COLOR'] !== undefined) return NO_COLORS;
  const { Chalk } = await import('chalk');
  return new Chalk({ level: 1 });
}

/** Columns of the terminal; without one lines are not broken. */
export function widthOf({ stdout }: CommandContext): number {
  return stdout.isTTY === true && 'columns' in stdout && typeof stdout.columns === 'number' ? stdout.columns : Infinity;
}
