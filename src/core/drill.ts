import { type Counterfactual, counterfactuals } from './counterfactual.js';
import { decide } from './decide.js';
import type { Decision } from './decision.js';
import { type Fault, imagine } from './imagine.js';
import type { Select } from './rank.js';
import { type Situation, acceptsWrites, recordedMaster } from './situation.js';

/** What would come of some imagined faults. */
export interface Drill {
  /** What would be seen. */
  readonly imagined: Situation;
  readonly decision: Decision;
  /** The cluster would go on taking writes, by a failover or because it never stopped. */
  readonly survives: boolean;
  /** What it would come to, in a sentence. */
  readonly verdict: string;
  /** Where the master would be started again: what is decided if it does not start. */
  readonly fallback: Decision | null;
  /** What would have to be otherwise; empty where it survives. */
  readonly otherwise: readonly Counterfactual[];
}

/** Lays faults over what was observed, and decides. The observation is left as it is. */
export function drill(s: Situation, faults: readonly Fault[], select: Select): Drill {
  const imagined = imagine(s, faults);
  const decision = decide(imagined, select);
  const { survives, verdict, fallback } = judge(s, { imagined, decision, faults, select });
  const otherwise = survives ? [] : counterfactuals(imagined, select);
  return { imagined, decision, survives, verdict, fallback, otherwise };
}

interface Decided {
  readonly imagined: Situation;
  readonly decision: Decision;
  readonly faults: readonly Fault[];
  readonly select: Select;
}

function judge(s: Situation, decided: Decided): Pick<Drill, 'survives' | 'verdict' | 'fallback'> {
  const { decision, imagined, select } = decided;
  const { action } = decision;
  switch (action.kind) {
    case 'fail_over': {
      const [first] = action.plan.candidates;
      return { survives: true, verdict: `it would survive: ${first.server} would become the master`, fallback: null };
    }
    case 'restart_master': {
      const fallback = decide({ ...imagined, restart_failed: 'imagined: it does not start' }, select);
      const then = fallback.action.kind === 'fail_over' ? 'if it does not start, a failover follows' : fallback.details;
      return { survives: true, verdict: `it would survive: the master would be started again; ${then}`, fallback };
    }
    case 'none':
    case 'look': {
      if (masterLives(s, decided.faults)) {
        return { survives: true, verdict: 'it would survive: the master goes on, and nothing is done', fallback: null };
      }
      return { survives: false, verdict: 'it would NOT survive by itself: nobody would take over', fallback: null };
    }
    case 'resume':
    case 'fence_returned':
    case 'record_master': {
      const verdict = 'it cannot be told: something else would be done first, and everything looked at anew';
      return { survives: false, verdict, fallback: null };
    }
  }
}

/** Whether the recorded master takes writes now, and none of the faults ends that. */
function masterLives(s: Situation, faults: readonly Fault[]): boolean {
  const master = recordedMaster(s.state);
  if (master === null || !acceptsWrites(s.servers[master])) return false;
  return !faults.some((fault) => (fault.kind === 'kill' || fault.kind === 'freeze') && fault.server === master);
}
