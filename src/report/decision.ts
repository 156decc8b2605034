import type { Decision, Veto } from '../core/decision.js';
import type { Unfit } from '../core/eligibility.js';
import { describeFailoverLoss, describeLoss } from '../core/loss.js';
import { formatLsn } from '../core/lsn.js';
import type { JournalledStep, Operation } from '../core/model.js';
import type { PreflightFinding } from '../core/preflight.js';
import { describeStep, failoverSteps } from '../core/plan.js';

/** A decision as `--json` and the terminal show it. */
export interface DecisionView {
  readonly rule: number;
  readonly diagnosis: string;
  readonly action: string;
  readonly details: string;
  readonly evidence: readonly { readonly source: string; readonly at: string; readonly text: string }[];
  readonly vetoes: readonly Veto[];
  readonly candidates: readonly {
    readonly server: string;
    readonly fit: boolean;
    readonly lsn: string | null;
    readonly unfit: readonly Unfit[];
  }[];
  readonly loss: string | null;
}

export function viewDecision(decision: Decision): DecisionView {
  return {
    rule: decision.rule,
    diagnosis: decision.diagnosis.kind,
    action: decision.action.kind,
    details: decision.details,
    evidence: decision.evidence.map((one) => ({ ...one, at: new Date(one.at).toISOString() })),
    vetoes: decision.vetoes,
    candidates: decision.fitness.map((one) => ({
      server: one.server,
      fit: one.candidate !== null,
      lsn: one.candidate === null ? null : formatLsn(one.candidate.lsn),
      unfit: one.unfit,
    })),
    loss: lossOf(decision),
  };
}

function lossOf({ loss, action }: Decision): string | null {
  if (loss === null) return null;
  return action.kind === 'fail_over'
    ? describeFailoverLoss(loss, action.plan.old_master, action.plan.fence)
    : describeLoss(loss);
}

/** A plan before it is carried out: its steps, what each runs, and what speaks against it. */
export interface PlanView {
  /** What would be done, or was to be done: the steps in words. */
  readonly plan: readonly string[];
  /** What each step runs, and where. */
  readonly commands: readonly (readonly string[])[];
  /** What a switchover would stumble over; empty where none was asked for. */
  readonly preflight: readonly PreflightFinding[];
}

/** What an operation did. */
export interface OperationView {
  readonly id: string;
  readonly old_master: string;
  readonly new_master: string | null;
  readonly loss: string;
  readonly steps: readonly StepView[];
}

export interface StepView {
  readonly step: string;
  readonly state: string;
  readonly begun: string | null;
  readonly ended: string | null;
  readonly note: string | null;
}

export function viewOperation({ id, old_master, new_master, loss, steps }: Operation): OperationView {
  return { id, old_master, new_master, loss, steps: viewSteps(steps) };
}

export function viewSteps(steps: readonly JournalledStep[]): readonly StepView[] {
  return steps.map(({ step, state, begun, ended, note }) => ({ step: describeStep(step), state, begun, ended, note }));
}

/** The steps that a decision would lead to, in words; empty when it leads to none. */
export function viewPlan(decision: Decision): readonly string[] {
  const { action } = decision;
  switch (action.kind) {
    case 'none':
    case 'look':
      return [];
    case 'resume':
      return ['finish or roll back the unfinished operation, by what is seen of it'];
    case 'fence_returned':
      return action.servers.map((server) => `stop ${server} and leave standby.signal`);
    case 'record_master':
      return [`record ${action.new_master} as master; the fencing of ${action.old_master} is owed`];
    case 'restart_master':
      return [`start ${action.server} again; if that fails, decide anew`];
    case 'fail_over':
      return failoverSteps(action.plan).map(describeStep);
  }
}
