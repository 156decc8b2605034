import type { Decision } from './decision.js';
import { describeLoss } from './loss.js';
import { describeStep, failoverSteps } from './plan.js';

/** What a decision came to, without its evidence: what the evidence journal keeps, and what a replay is compared with. */
export interface Verdict {
  readonly rule: number;
  /** Name of the situation. */
  readonly diagnosis: string;
  /** Name of the action. */
  readonly action: string;
  /** Whom the action is about; of a failover the candidates, best first. */
  readonly to: readonly string[];
  /** How the old master of a failover is fenced; null for everything else. */
  readonly fence: string | null;
  readonly details: string;
  readonly vetoes: readonly string[];
  /** Why each replica that is not fit is not, by server. */
  readonly unfit: Readonly<Record<string, readonly string[]>>;
  readonly loss: string | null;
  readonly cluster_status: string;
  readonly success: boolean;
  readonly alarm: boolean;
  /** The steps of a failover in words. */
  readonly plan: readonly string[];
}

export function verdictOf(decision: Decision): Verdict {
  const { action, loss } = decision;
  const unfit = decision.fitness.filter((one) => one.unfit.length > 0);
  return {
    rule: decision.rule,
    diagnosis: decision.diagnosis.kind,
    action: action.kind,
    to: targets(decision),
    fence: action.kind === 'fail_over' ? action.plan.fence.kind : null,
    details: decision.details,
    vetoes: decision.vetoes.map((veto) => veto.name),
    unfit: Object.fromEntries(unfit.map((one) => [one.server, one.unfit.map(({ reason }) => reason)])),
    loss: loss === null ? null : describeLoss(loss),
    cluster_status: decision.cluster_status,
    success: decision.success,
    alarm: decision.alarm,
    plan: action.kind === 'fail_over' ? failoverSteps(action.plan).map(describeStep) : [],
  };
}

function targets({ action }: Decision): readonly string[] {
  switch (action.kind) {
    case 'none':
    case 'look':
    case 'resume':
      return [];
    case 'fence_returned':
      return action.servers;
    case 'record_master':
      return [action.new_master];
    case 'restart_master':
      return [action.server];
    case 'fail_over':
      return action.plan.candidates.map((one) => one.server);
  }
}

/** Something in which two verdicts differ. */
export interface Difference {
  readonly field: keyof Verdict;
  readonly was: string;
  readonly now: string;
}

const COMPARED = [
  'rule',
  'diagnosis',
  'action',
  'to',
  'fence',
  'vetoes',
  'unfit',
  'loss',
  'cluster_status',
  'success',
  'alarm',
] as const satisfies readonly (keyof Verdict)[];

/** Where two verdicts differ. The sentence and the steps follow from the rest, and are compared only where that is the same. */
export function differences(was: Verdict, now: Verdict): readonly Difference[] {
  const found = differing(COMPARED, was, now);
  return found.length > 0 ? found : differing(['details', 'plan'], was, now);
}

function differing(fields: readonly (keyof Verdict)[], was: Verdict, now: Verdict): readonly Difference[] {
  return fields.flatMap((field) => {
    const [before, after] = [words(was[field]), words(now[field])];
    return before === after ? [] : [{ field, was: before, now: after }];
  });
}

function words(value: string | number | boolean | null | readonly string[] | Verdict['unfit']): string {
  if (value === null) return 'none';
  if (typeof value !== 'object') return String(value);
  if (isList(value)) return value.length === 0 ? 'nobody' : value.join(', ');
  const reasons = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return reasons.length === 0 ? 'nobody' : reasons.map(([server, why]) => `${server}: ${why.join(', ')}`).join('; ');
}

function isList(value: readonly string[] | Verdict['unfit']): value is readonly string[] {
  return Array.isArray(value);
}

/**
 * What must be the same for a round to count as a repeat of another: everything but times, positions and the numbers in
 * sentences.
 */
export function sameAnswer(a: Verdict, b: Verdict): boolean {
  return (
    differing(
      COMPARED.filter((field) => field !== 'loss'),
      a,
      b,
    ).length === 0
  );
}

/** Whether a verdict leads to an effect on a server or on what is recorded. */
export function isAct({ action }: Pick<Verdict, 'action'>): boolean {
  return action !== 'none' && action !== 'look';
}
