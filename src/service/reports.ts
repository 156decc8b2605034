import type { ArchiverView } from '../core/archive-rules.js';
import type { SlotView } from '../core/slot-rules.js';
import type { DecisionView, OperationView, PlanView } from '../report/decision.js';
import type { Report } from '../report/report.js';
import type { StatusView } from '../report/status.js';

/** Answer of `status`. */
export type StatusReport = Report &
  StatusView & {
    /** Where the saved servers differ from the configuration. */
    readonly differences: readonly string[];
  };

/** Answer of `poll` and `verify`. */
export type PollReport = Report &
  StatusView & {
    readonly decision: DecisionView;
    /** Of a verify: the replication slots of every server that let us in, ours and others'. */
    readonly slots?: readonly SlotView[];
    /** Of a verify: the WAL archiver of every server that let us in. */
    readonly archivers?: readonly ArchiverView[];
  };

/** Answer of `failover-check`, `promote` and `failover`. */
export type CheckReport = Report &
  StatusView &
  PlanView & {
    readonly decision: DecisionView;
    readonly operation: OperationView | null;
    readonly failed_over: boolean;
    /** Former masters that `auto_rejoin` made replicas again, or tried to, since the report before. */
    readonly rejoined: readonly RejoinedView[];
  };

export interface RejoinedView {
  readonly server: string;
  readonly result: Report['result'];
  readonly details: string;
}

export interface FailoverCheckOptions {
  readonly verify?: boolean;
  /** Decide and show the plan; change nothing anywhere. */
  readonly dry_run?: boolean;
}

export interface RepeatOptions {
  /** Milliseconds to go on for. */
  readonly for: number;
  /** Milliseconds from the start of one round to the start of the next; default `poll_interval`. */
  readonly every?: number;
}
