import { DIAGNOSIS_RULES } from './diagnose.js';
import type { DiagnosisKind } from './diagnosis.js';
import { VETO_RULE } from './veto.js';

/** A rule as `explain --rules` prints it. */
export interface RuleRow {
  readonly number: number;
  readonly when: string;
  readonly then: string;
  /** The situations that the rule can name. */
  readonly situations: readonly DiagnosisKind[];
}

/** The rules of a failover check, in the order in which they are asked: the very table that decides. */
export function ruleTable(): readonly RuleRow[] {
  const rows = DIAGNOSIS_RULES.map(({ number, when, then, kinds }) => ({ number, when, then, situations: kinds }));
  return [...rows, { ...VETO_RULE, situations: [] }];
}
