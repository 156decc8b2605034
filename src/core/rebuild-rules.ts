import type { Rebuild, SavedState } from './model.js';
import { type Failure, fail } from './outcome.js';

/** A rebuild that keeps everybody away: it is under way, or it has left the data directory half made. */
function blockingRebuild(state: SavedState, server: string): Rebuild | null {
  return state.rebuilds.find((one) => one.server === server && (one.touched || one.broken === null)) ?? null;
}

/** Why nothing is done to a server because of its rebuild; `what` is what was asked for: "be started". */
export function refuseRebuilt(state: SavedState, server: string, what: string): Failure | null {
  const rebuild = blockingRebuild(state, server);
  if (rebuild === null) return null;
  const { kind, begun, broken } = rebuild;
  const how = broken === null ? 'is under way' : `was broken off (${broken})`;
  return fail('unsafe', `${server} must not ${what}: a ${kind} of it, begun at ${begun}, ${how}`, {
    server,
    hint: broken === null ? 'wait for its end' : `make it whole first: \`handyrep ${kind} ${server}\``,
  }).error;
}
