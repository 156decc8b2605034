import type { JournalledStep, Operation, SavedState, StepKind } from './model.js';
import { type Failure, describeFailure } from './outcome.js';

/** How a step ended. */
export type StepResult =
  | {
      readonly kind: 'done';
      readonly note: string;
      /** Applied to the state in the same write that marks the step done. */
      readonly change?: (state: SavedState) => SavedState;
      readonly operation?: (operation: Operation) => Operation;
    }
  /** It failed, and the operation goes on: told, and part of the final report. */
  | {
      readonly kind: 'failed';
      readonly error: Failure;
      /** What was done of it all the same; applied like that of a step that is done. */
      readonly change?: (state: SavedState) => SavedState;
    }
  /** The chosen candidate is out of the race and proved unable to take writes: choose again. */
  | { readonly kind: 'next_candidate'; readonly server: string; readonly error: Failure }
  /** Nobody was promoted: undo what was done. */
  | { readonly kind: 'abort'; readonly error: Failure }
  /** Nothing was touched, and nothing will be: the operation is forgotten. */
  | { readonly kind: 'refused'; readonly error: Failure }
  /** It cannot be told what happened: stop here, and let the next run judge. */
  | { readonly kind: 'stop'; readonly error: Failure };

/** Where the next pending step is; beyond the last one when none is left. */
export function nextStep({ steps }: Operation): number {
  const index = steps.findIndex((one) => one.state === 'pending');
  return index < 0 ? steps.length : index;
}

/** The next pending step is marked as begun. `at` is ISO 8601. */
export function beginNext(operation: Operation, at: string): Operation {
  const steps = replaced(operation.steps, nextStep(operation), { state: 'begun', begun: at });
  return { ...operation, steps };
}

/** What is written when the step at `index` has ended. */
export function settleStep(operation: Operation, index: number, result: StepResult, ended: string): Operation {
  switch (result.kind) {
    case 'done': {
      const changed = result.operation?.(operation) ?? operation;
      return { ...changed, steps: replaced(changed.steps, index, { state: 'done', ended, note: result.note }) };
    }
    case 'failed':
    case 'abort':
    case 'refused':
    case 'stop': {
      const note = describeFailure(result.error);
      return { ...operation, steps: replaced(operation.steps, index, { state: 'failed', ended, note }) };
    }
    case 'next_candidate':
      return chooseAgain(operation, result.server);
  }
}

/** Whether the old master was fenced by what it can come back from: its power, or not at all. */
export function mayComeBack({ steps }: Operation): boolean {
  return steps.some(
    ({ step }) => step.kind === 'fence_old_master' && (step.way.kind === 'plugin' || step.way.kind === 'owed'),
  );
}

/**
 * The choice and the promotion are open again, without the server that failed; and so is the fencing of an old master that
 * may have come back meanwhile, since a promotion that fails takes its time.
 */
function chooseAgain(operation: Operation, failed: string): Operation {
  const again = new Set<StepKind>(['choose', 'promote']);
  if (mayComeBack(operation)) again.add('fence_old_master');
  const steps = operation.steps.map((one): JournalledStep =>
    again.has(one.step.kind) ? { ...one, state: 'pending', begun: null, ended: null, note: `${failed} failed` } : one,
  );
  return { ...operation, new_master: null, failed_candidates: [...operation.failed_candidates, failed], steps };
}

/** The step that was marked begun has not been: it is open again. */
export function reopenStep(operation: Operation, index: number): Operation {
  return { ...operation, steps: replaced(operation.steps, index, { state: 'pending', begun: null }) };
}

/** The fence method failed, and was not required: nothing reaches the old master, and its fencing is owed. */
export function withFencingOwed(operation: Operation): Operation {
  const steps = operation.steps.map((one): JournalledStep =>
    one.step.kind === 'fence_old_master' ? { ...one, step: { ...one.step, way: { kind: 'owed' } } } : one,
  );
  return { ...operation, steps };
}

function replaced(
  steps: readonly JournalledStep[],
  index: number,
  change: Partial<JournalledStep>,
): readonly JournalledStep[] {
  return steps.map((one, at) => (at === index ? { ...one, ...change } : one));
}
