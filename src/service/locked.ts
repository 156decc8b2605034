import type { Tools } from '../act/actor.js';
import type { SavedState } from '../core/model.js';
import { type Outcome, ok } from '../core/outcome.js';
import { type OpenOptions, type Reach, openSession, pluginContext } from './open.js';
import type { Session } from './session.js';
import { makeTools } from './tools.js';

/** Does one thing under the lock, with the newest state that is known, and lets go of it whatever happens. */
export async function underLock<T>(
  reach: Reach,
  options: OpenOptions,
  work: (session: Session) => Promise<Outcome<T>>,
): Promise<Outcome<T>> {
  const opened = await openSession(reach, options);
  if (!opened.ok) return opened;
  const { session, close } = opened.value;
  try {
    await session.compareWithTable();
    return await work(session);
  } finally {
    await close();
  }
}

/**
 * The ways to the servers for work that is too long for the lock: ctrl-C ends it. `state` tells plugins who the servers are.
 */
export async function unlockedTools(reach: Reach, state: SavedState): Promise<Outcome<Tools>> {
  const ask = await reach.registry.get('poll_method', 'poll_connect');
  if (!ask.ok) return ask;
  const context = pluginContext(reach, reach.signal, () => state);
  return ok(makeTools({ ...reach, context, ask: ask.value }));
}
