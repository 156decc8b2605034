import type { Decision } from '../../../src/core/decision.js';
import type { Situation } from '../../../src/core/situation.js';
import { planOf } from './facts.js';

/**
 * One promise about decisions. `holds` is said in words of its own, from the raw observations: it uses none of the functions
 * that make the decision.
 */
export interface DecisionPromise {
  /** P1 to P10, or the rule that it comes from. */
  readonly of: string;
  readonly name: string;
  readonly holds: (s: Situation, decision: Decision) => boolean;
}

export type Plan = NonNullable<ReturnType<typeof planOf>>;

/** A promise about a failover only. */
export function ofFailover(
  of: string,
  name: string,
  holds: (s: Situation, plan: Plan, d: Decision) => boolean,
): DecisionPromise {
  return {
    of,
    name,
    holds: (s, decision) => {
      const plan = planOf(decision);
      return plan === null || holds(s, plan, decision);
    },
  };
}

export function all<T>(values: readonly T[], holds: (value: T) => boolean): boolean {
  return values.every(holds);
}

export const forced = (s: Situation): boolean => s.on_demand?.force === true;
