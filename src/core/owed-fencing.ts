import { type Situation, canMeanDown } from './situation.js';
import { managerSickness } from './suspicion.js';

/**
 * Former masters whose fencing is owed and may be paid now: they do not answer, and their host may let us in. A host that says
 * no to a connection is up; one that says nothing would cost every check the time-out of ssh, so that it is tried by a verify
 * only (`everywhere`). A rebuild has its server for itself; and rule 0 holds here too: when we are the sick one, nothing is done.
 */
export function payableFencing(s: Situation, everywhere: boolean): readonly string[] {
  if (managerSickness(s).length > 0) return [];
  const { former_masters, rebuilds } = s.state;
  return former_masters.flatMap(({ server, fenced }) => {
    const seen = s.servers[server];
    if (fenced !== null || seen === undefined || !canMeanDown(seen)) return [];
    if (rebuilds.some((one) => one.server === server)) return [];
    return everywhere || seen.reach.kind === 'refused' ? [server] : [];
  });
}
