import { fail, ok } from '../src/core/outcome.js';
import { definePlugin } from '../src/plugin/contract.js';

export default definePlugin({
  kind: 'promotion_method',
  description: 'SELECT pg_promote(), as our role or else as superuser; needs no remote command',
  settings: (z) =>
    z.strictObject({
      wait_seconds: z.number().int().positive().default(60).describe('how long PostgreSQL may take, seconds'),
    }),
  run: (settings) => async (context, server) => {
    const options = { timeout: (settings.wait_seconds + 5) * 1000, signal: context.signal };
    const ask = (user: 'handyrep' | 'superuser') =>
      context.sql.query(server, 'SELECT pg_promote(true, $1::int) AS promoted', [settings.wait_seconds], {
        ...options,
        user,
      });
    let answer = await ask('handyrep');
    // 42501: our role may not; the superuser is used only where a grant cannot serve or is missing.
    if (!answer.ok && answer.error.cause === '42501') answer = await ask('superuser');
    if (!answer.ok) return answer;
    if (answer.value[0]?.['promoted'] === 't') return ok(`${server.name}: pg_promote() returned true`);
    return fail('step_failed', `${server.name}: pg_promote() did not end within ${settings.wait_seconds} s`, {
      server: server.name,
      hint: `look at the log of ${server.name}`,
    });
  },
});
