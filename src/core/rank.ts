import type { Fitness } from './eligibility.js';
import { bytesBehind } from './lsn.js';
import type { Candidate } from './model.js';

/** What a selection plugin is shown of a fit replica. */
export interface Selectable {
  readonly server: string;
  readonly lsn: bigint;
  /** Bytes behind the one that is furthest ahead. */
  readonly behind: number;
  readonly failover_priority: number;
}

/** Orders fit replicas, best first; pure. A name it leaves out is not promoted. */
export type Select = (candidates: readonly Selectable[]) => readonly string[];

/**
 * The fit replicas, best first. `select` orders them; whatever it says, one on an older timeline than another goes after that,
 * since it lacks all that was committed on the newer one, and one that is behind the furthest-ahead by more than its own
 * `lag_limit` goes last.
 */
export function rank(fitness: readonly Fitness[], select: Select): readonly Candidate[] {
  const fit = fitness.flatMap(({ candidate, lag_limit, failover_priority }) =>
    candidate === null ? [] : [{ candidate, lag_limit, priority: failover_priority ?? Infinity }],
  );
  const furthest = fit.reduce<Candidate['lsn'] | null>(
    (best, { candidate }) => (best === null || candidate.lsn > best ? candidate.lsn : best),
    null,
  );
  if (furthest === null) return [];
  const shown = fit.map(({ candidate, priority }) => ({
    server: candidate.server,
    lsn: candidate.lsn,
    behind: bytesBehind(candidate.lsn, furthest),
    failover_priority: priority,
  }));
  const chosen = [...new Set(select(shown))].flatMap(
    (name) => fit.find(({ candidate }) => candidate.server === name) ?? [],
  );
  const near = chosen.filter(({ candidate, lag_limit }) => bytesBehind(candidate.lsn, furthest) <= lag_limit);
  const far = chosen.filter((one) => !near.includes(one));
  return [...near, ...far].map(({ candidate }) => candidate).sort((a, b) => b.timeline - a.timeline);
}
