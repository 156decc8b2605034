import type { Reach, ReachKind } from '../src/core/observation.js';
import { definePlugin } from '../src/plugin/contract.js';

/** Exit statuses of pg_isready: it never authenticates, so it learns nothing of the role. */
const ANSWERS: Readonly<Record<number, ReachKind>> = { 0: 'accepting', 1: 'starting', 2: 'timeout' };

export default definePlugin({
  kind: 'poll_method',
  description: 'pg_isready on this host: does it answer? It learns no role and no position, so only a verify does',
  settings: (z) =>
    z.strictObject({
      path: z.string().default('pg_isready').describe('the program; a name is looked for in PATH'),
      timeout: z.number().int().positive().default(3).describe('seconds'),
    }),
  run: (settings) => async (context, server) => {
    const argv = [
      settings.path,
      '-h',
      server.hostname,
      '-p',
      String(server.port),
      '-t',
      String(settings.timeout),
    ] as const;
    const here = { ...server, connection: 'local' } as const;
    const timeout = (settings.timeout + 1) * 1000;
    const done = await context.hosts.run(here, argv, { as: 'login', timeout, signal: context.signal });
    if (!done.ok) return { reach: ours(done.error.message), facts: null };
    const { exit_code, stdout, stderr } = done.value;
    const kind = ANSWERS[exit_code];
    const said = `pg_isready: ${(stdout + stderr).trim()}`;
    return { reach: kind === undefined ? ours(said) : { kind, detail: said }, facts: null };
  },
});

/** A program that is missing or fails here is trouble of this host, and no evidence about the server. */
function ours(detail: string): Reach {
  return { kind: 'unresolved', detail };
}
