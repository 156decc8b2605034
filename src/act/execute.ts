import { beginNext, nextStep, reopenStep, settleStep } from '../core/journal.js';
import type { HistoryEntry, Operation, SavedState, Step } from '../core/model.js';
import { type Failure, type Outcome, describeFailure, fail, ok } from '../core/outcome.js';
import { isPastPromotion } from '../core/plan.js';
import { addHistory, historyEntry } from '../core/saved.js';
import type { Situation } from '../core/situation.js';
import { type Actor, type StepInput, type StepResult, serverDef } from './actor.js';
import { choose } from './choose.js';
import { moveConnections, pauseConnections } from './connections.js';
import { beforeCommands, extraCommands } from './extra.js';
import { fenceOldMaster } from './fence.js';
import { promote, proveWrites } from './promote.js';
import { stopReceivers } from './receivers.js';
import { record } from './record.js';
import { remaster } from './remaster.js';
import { checkpoint, proveCandidate, returnOldMaster, stopOldMaster } from './switchover.js';
import { restartFailed, restartOldMaster, rollBack } from './rollback.js';

/** How an operation ended. */
export interface OperationResult {
  readonly result: HistoryEntry['result'] | 'UNFINISHED' | 'REFUSED';
  readonly details: string;
  readonly operation: Operation;
}

/** One handler a step kind: a new step does not compile until it has one. */
function handle(input: StepInput, step: Step): Promise<StepResult> {
  switch (step.kind) {
    case 'before_commands':
      return beforeCommands(input, step);
    case 'fence_old_master':
      return fenceOldMaster(input, step);
    case 'stop_receivers':
      return stopReceivers(input, step);
    case 'choose':
      return choose(input, step);
    case 'checkpoint':
      return checkpoint(input, step);
    case 'pause_connections':
      return pauseConnections(input, step);
    case 'stop_old_master':
      return stopOldMaster(input, step);
    case 'prove_candidate':
      return proveCandidate(input, step);
    case 'promote':
      return promote(input);
    case 'prove_writes':
      return proveWrites(input);
    case 'record':
      return record(input);
    case 'move_connections':
      return moveConnections(input, step);
    case 'remaster':
      return remaster(input, step);
    case 'return_old_master':
      return returnOldMaster(input, step);
    case 'extra_commands':
      return extraCommands(input);
  }
}

/**
 * Carries out the operation in the saved state, step by step, each journalled before and after. The end of one step
 * and the beginning of the next are one write. Stops before its next effect when the lock or the state is lost.
 */
export async function execute(
  actor: Actor,
  operation: Operation,
  situation: Situation | null,
): Promise<OperationResult> {
  let begun = await journalBegin(actor, operation);
  let published: Promise<void> = Promise.resolve();
  for (;;) {
    if (!begun.ok) return cannotJournal(operation, begun.error);
    const { operation: current, index } = begun.value;
    const one = current.steps[index];
    if (one === undefined) {
      await published;
      return finish(actor, current);
    }
    if (actor.stopping() && !mustGoOn(current)) return interrupted(actor, current, index);
    const started = performance.now();
    const result = await handle(stepInput(actor, current, situation), one.step);
    tellStep(actor, one.step, result, performance.now() - started);
    if (result.kind === 'abort') return abort(actor, result.error);
    if (result.kind === 'refused') return refuse(actor, index, result);
    if (result.kind === 'stop') return stop(actor, result.error);
    begun = await journalEnd(actor, index, result);
    // A new management host must not read the old master's name: written at once, and beside the next steps.
    if (one.step.kind === 'record' && result.kind === 'done') published = publishRecord(actor);
  }
}

/** Writes the cluster table on the new master; trouble is told, and the end of the run tries again. */
async function publishRecord(actor: Actor): Promise<void> {
  const { operation } = actor.state.current();
  const master = operation?.new_master == null ? null : serverDef(actor, operation.new_master);
  const written = master === null ? null : await actor.state.publish(master, true);
  if (written?.ok === false) actor.tell({ category: 'STATE', message: describeFailure(written.error), iserror: true });
}

function stepInput(actor: Actor, operation: Operation, situation: Situation | null): StepInput {
  return {
    actor,
    operation,
    situation,
    note: async (change) => {
      const saved = await actor.state.save((state) => withOperation(state, change));
      return saved.ok ? ok(undefined) : saved;
    },
  };
}

interface Position {
  readonly operation: Operation;
  /** The step that was marked begun; beyond the last one when none is left. */
  readonly index: number;
}

function withOperation(state: SavedState, change: (operation: Operation) => Operation): SavedState {
  return state.operation === null ? state : { ...state, operation: change(state.operation) };
}

async function journalBegin(actor: Actor, operation: Operation): Promise<Outcome<Position>> {
  return save(actor, (state) => ({ ...state, operation }));
}

async function journalEnd(actor: Actor, index: number, result: StepResult): Promise<Outcome<Position>> {
  const at = new Date(actor.now()).toISOString();
  return save(actor, (state) => {
    const change = result.kind === 'done' || result.kind === 'failed' ? result.change : undefined;
    return withOperation(change?.(state) ?? state, (operation) => settleStep(operation, index, result, at));
  });
}

/** Applies a change, marks the next pending step as begun, and writes both at once. */
async function save(actor: Actor, change: (state: SavedState) => SavedState): Promise<Outcome<Position>> {
  const at = new Date(actor.now()).toISOString();
  let index = 0;
  const saved = await actor.state.save((state) =>
    withOperation(change(state), (operation) => {
      index = nextStep(operation);
      return beginNext(operation, at);
    }),
  );
  if (!saved.ok) return saved;
  const { operation } = saved.value;
  if (operation === null) return fail('state_unreadable', 'the operation vanished from the saved state');
  return ok({ operation, index });
}

function tellStep(actor: Actor, step: Step, result: StepResult, ms: number): void {
  const failed = result.kind !== 'done';
  const text = failed ? describeFailure(result.error) : result.note;
  actor.tell({
    category: 'FAILOVER',
    message: `${step.kind}: ${text}`,
    iserror: failed,
    ms: Math.round(ms),
  });
}

/** Every step is behind us: into the history, and the wait before the next automatic failover begins. */
async function finish(actor: Actor, operation: Operation): Promise<OperationResult> {
  const problems = operation.steps.flatMap((one) =>
    one.state === 'failed' ? [`${one.step.kind}: ${one.note ?? ''}`] : [],
  );
  const to = operation.new_master ?? 'nobody';
  problems.push(...(await restartFailed(actor, operation)));
  const did = `${operation.kind === 'switchover' ? 'switched' : 'failed'} over from ${operation.old_master} to ${to}, loss ${operation.loss}`;
  const details = problems.length === 0 ? did : `${did}; but ${problems.join('; ')}`;
  const proved = operation.steps.some((one) => one.step.kind === 'prove_writes' && one.state === 'done');
  return close(actor, operation, proved ? 'SUCCESS' : 'FAIL', details);
}

async function close(
  actor: Actor,
  operation: Operation,
  result: HistoryEntry['result'],
  details: string,
): Promise<OperationResult> {
  const ended = new Date(actor.now()).toISOString();
  const entry = historyEntry(operation, { ended, result, details });
  const saved = await actor.state.save((state) => ({
    ...state,
    operation: null,
    last_failover:
      operation.automatic && result !== 'ROLLED BACK' ? { ended, acknowledged: false } : state.last_failover,
    history: addHistory(state.history, entry),
  }));
  actor.tell({ category: 'FAILOVER', message: details, iserror: result !== 'SUCCESS', alert: true });
  const lost = saved.ok ? '' : `; ${describeFailure(saved.error)}`;
  return { result, details: details + lost, operation };
}

async function abort(actor: Actor, error: Failure): Promise<OperationResult> {
  const operation = actor.state.current().operation;
  if (operation === null) throw new Error('abort without an operation');
  const undone = await rollBack(actor, operation);
  const exhausted = operation.failed_candidates.length > 0 && operation.kind !== 'switchover';
  const restarted = exhausted ? [await restartOldMaster(actor, operation)] : [];
  const again = await restartFailed(actor, operation);
  const details = [`no server was promoted: ${describeFailure(error)}`, ...undone, ...restarted, ...again].join('; ');
  return close(actor, operation, 'ROLLED BACK', details);
}

/** Nothing was touched: there is nothing to undo, and no operation for the history. */
async function refuse(
  actor: Actor,
  index: number,
  result: Extract<StepResult, { kind: 'refused' }>,
): Promise<OperationResult> {
  const { operation } = actor.state.current();
  if (operation === null) throw new Error('refused without an operation');
  const ended = settleStep(operation, index, result, new Date(actor.now()).toISOString());
  const saved = await actor.state.save((state) => ({ ...state, operation: null }));
  const details = `nothing was done: ${describeFailure(result.error)}`;
  actor.tell({ category: 'FAILOVER', message: details, iserror: true, alert: true });
  const lost = saved.ok ? '' : `; ${describeFailure(saved.error)}`;
  return { result: 'REFUSED', details: details + lost, operation: ended };
}

/** Left as it is in the journal: the next run looks at what became of it. */
function stop(actor: Actor, error: Failure): OperationResult {
  const operation = actor.state.current().operation;
  if (operation === null) throw new Error('stop without an operation');
  actor.tell({ category: 'FAILOVER', message: error.message, iserror: true, alert: true });
  return { result: 'UNFINISHED', details: describeFailure(error), operation };
}

/** A switchover that has promoted is finished: what is left takes a moment, and clients and the old master wait for it. */
function mustGoOn({ kind, steps }: Operation): boolean {
  return kind === 'switchover' && isPastPromotion(steps.filter(({ state }) => state !== 'begun'));
}

/**
 * The next run goes on with the step that was not done. A switchover that has stopped the master is not left there: it takes
 * writes again.
 */
async function interrupted(actor: Actor, operation: Operation, index: number): Promise<OperationResult> {
  const saved = await actor.state.save((state) => withOperation(state, (one) => reopenStep(one, index)));
  if (!saved.ok) return cannotJournal(operation, saved.error);
  const before = `interrupted before its step ${operation.steps[index]?.step.kind ?? ''}`;
  if (operation.kind === 'switchover') return abort(actor, fail('aborted', before).error);
  const { error } = fail('aborted', before, {
    hint: 'the next `handyrep failover-check` finishes or rolls back what was begun',
  });
  return stop(actor, error);
}

function cannotJournal(operation: Operation, error: Failure): OperationResult {
  return { result: 'UNFINISHED', details: `stopped before its next effect: ${describeFailure(error)}`, operation };
}
