import type { Decision } from './decision.js';
import type { FailoverPolicy, HistoryEntry, JournalledStep, StepKind } from './model.js';

/** How long looks and acts may take before they are given up, milliseconds. */
export interface OutageBounds {
  /** One look at a server. */
  readonly look: number;
  /** A look at a host by ssh. */
  readonly host: number;
  /** Everything from the decision until somebody takes writes: by a failover, and by a start of the old master. */
  readonly failover: number;
  readonly restart: number;
}

/** How long nobody takes writes, from the fault on. Milliseconds. */
export interface Outage {
  /** Until a check looks, where one runs every poll_interval. */
  readonly noticed: number;
  /** Then until the master is believed lost. */
  readonly believed: number;
  /** Then until somebody takes writes, before it is given up. */
  readonly acted: number;
  readonly at_most: number;
  /** What past failovers of this cluster took for the last part; null: there was none. */
  readonly measured: { readonly failovers: number; readonly median: number; readonly longest: number } | null;
}

/** What an act that was decided on may take; null where nothing is done. */
export function expectedOutage(
  decision: Decision,
  policy: FailoverPolicy,
  bounds: OutageBounds,
  history: readonly HistoryEntry[],
): Outage | null {
  const { action } = decision;
  if (action.kind !== 'fail_over' && action.kind !== 'restart_master') return null;
  const noticed = policy.poll_interval;
  const believed = bounds.look + untilBelieved(decision, policy, bounds);
  const acted = action.kind === 'fail_over' ? bounds.failover : bounds.restart;
  const measured = action.kind === 'fail_over' ? measure(history) : null;
  return { noticed, believed, acted, at_most: noticed + believed + acted, measured };
}

/** A crash is proved by one look at the host; everything else waits for the retries, and looks again. */
function untilBelieved({ diagnosis }: Decision, policy: FailoverPolicy, { look, host }: OutageBounds): number {
  // The closer look asks hosts by ssh and servers by SQL, at once.
  const closer = Math.max(look, host);
  if (diagnosis.kind === 'master_crashed') return closer;
  return policy.fail_retries * policy.fail_retry_interval + closer;
}

function measure(history: readonly HistoryEntry[]): Outage['measured'] {
  const took = history
    .filter(({ kind, result }) => kind === 'failover' && result === 'SUCCESS')
    .flatMap(({ begun, steps }) => {
      const ended = lastEnd(steps, ['prove_writes', 'move_connections']);
      return ended === null ? [] : [Math.max(0, ended - Date.parse(begun))];
    })
    .sort((a, b) => a - b);
  const [median, longest] = [took[Math.floor(took.length / 2)], took.at(-1)];
  return median === undefined || longest === undefined ? null : { failovers: took.length, median, longest };
}

/** When the last of these steps was done: from then on clients write again. */
function lastEnd(steps: readonly JournalledStep[], kinds: readonly StepKind[]): number | null {
  const ends = steps.flatMap(({ step, state, ended }) =>
    kinds.includes(step.kind) && state === 'done' && ended !== null ? [Date.parse(ended)] : [],
  );
  return ends.length === 0 ? null : Math.max(...ends);
}
