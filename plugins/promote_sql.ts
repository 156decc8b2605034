import { type Outcome, fail, ok } from '../src/core/outcome.js';
import { type HeldSession, type PluginContext, definePlugin } from '../src/plugin/contract.js';
import type { ServerDef } from '../src/core/model.js';

/** pg_promote(true) looks every 100 ms whether the promotion is over; clients wait for the difference. */
const LOOK_EVERY_MS = 5;

export default definePlugin({
  kind: 'promotion_method',
  description: 'SELECT pg_promote(), as our role or else as superuser; needs no remote command',
  settings: (z) =>
    z.strictObject({
      wait_seconds: z.number().int().positive().default(60).describe('how long PostgreSQL may take, seconds'),
    }),
  run: (settings) => async (context, server) => {
    const session = await askToPromote(context, server);
    if (!session.ok) return session;
    try {
      return await waitPromoted(session.value, server, settings.wait_seconds * 1000);
    } finally {
      await session.value.close();
    }
  },
});

/** Asks for the promotion, and keeps the session: it outlives the promotion. */
async function askToPromote(context: PluginContext, server: ServerDef): Promise<Outcome<HeldSession>> {
  const ask = async (user: 'handyrep' | 'superuser'): Promise<Outcome<HeldSession>> => {
    const session = await context.sql.hold(server, { user, signal: context.signal });
    if (!session.ok) return session;
    const asked = await session.value.query('SELECT pg_promote(false) AS asked');
    if (asked.ok && asked.value[0]?.['asked'] === 't') return session;
    await session.value.close();
    return asked.ok ? fail('step_failed', `${server.name}: pg_promote() refused`, { server: server.name }) : asked;
  };
  const asked = await ask('handyrep');
  // 42501: our role may not; the superuser is used only where a grant cannot serve or is missing.
  return !asked.ok && asked.error.cause === '42501' ? ask('superuser') : asked;
}

async function waitPromoted(session: HeldSession, server: ServerDef, patience: number): Promise<Outcome<string>> {
  const until = performance.now() + patience;
  while (performance.now() < until) {
    const role = await session.query('SELECT pg_is_in_recovery() AS standby');
    if (!role.ok) return role;
    if (role.value[0]?.['standby'] === 'f') return ok(`${server.name}: pg_promote() ended well`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  return fail('step_failed', `${server.name}: pg_promote() did not end within ${patience / 1000} s`, {
    server: server.name,
    hint: `look at the log of ${server.name}`,
  });
}
