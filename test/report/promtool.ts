import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Debian's package prometheus has it; scripts/prepare.sh installs that as root. */
const PROMTOOL = '/usr/bin/promtool';

/** Why what promtool says cannot be asked here; null: it can. In CI it must be there. */
export const noPromtool = existsSync(PROMTOOL) || process.env['CI'] !== undefined ? null : `${PROMTOOL} is missing`;

/** What promtool says; throws where it refuses. */
export function promtool(args: readonly string[], input = ''): string {
  return execFileSync(PROMTOOL, args, { input, encoding: 'utf8' });
}
