import type { Select } from './rank.js';

/** Most WAL first; among equals the lower failover_priority, then the name, so that the order is always the same. */
export const furthestAhead: Select = (candidates) =>
  candidates
    .toSorted((a, b) => a.behind - b.behind || a.failover_priority - b.failover_priority || byName(a.server, b.server))
    .map((one) => one.server);

/** The lowest failover_priority first; among equals the one with most WAL, then the name. */
export const byPriority: Select = (candidates) =>
  candidates
    .toSorted((a, b) => a.failover_priority - b.failover_priority || a.behind - b.behind || byName(a.server, b.server))
    .map((one) => one.server);

function byName(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
