import { FACTS_SQL, parseFacts } from '../src/core/facts.js';
import type { Reach } from '../src/core/observation.js';
import { definePlugin } from '../src/plugin/contract.js';

export default definePlugin({
  kind: 'poll_method',
  description: 'connects, logs in and asks for role, timeline and positions in one query',
  run: () => async (context, server) => {
    const { reach, results } = await context.sql.look(server, [{ text: FACTS_SQL }], { signal: context.signal });
    const [result] = results;
    if (reach.kind !== 'accepting' || result === undefined) return { reach, facts: null };
    const row = result.ok ? result.value[0] : undefined;
    if (row !== undefined) return { reach, facts: parseFacts(row) };
    return { reach: result.ok ? reach : unanswered(result.error), facts: null };
  },
});

/** It let us in and did not answer: a slow query is no answer in time, anything else is a fault of our role or grants. */
function unanswered(error: { readonly code: string; readonly message: string }): Reach {
  return { kind: error.code === 'sql_timeout' ? 'timeout' : 'rejected', detail: error.message };
}
