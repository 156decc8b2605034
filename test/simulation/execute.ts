import { beginNext, nextStep, settleStep } from '../../src/core/journal.js';
import type { HistoryEntry, Operation, SavedState, StepKind } from '../../src/core/model.js';
import type { Failure } from '../../src/core/outcome.js';
import { addHistory, historyEntry } from '../../src/core/saved.js';
import { type Situation, acceptsWrites } from '../../src/core/situation.js';
import { CannotSave, type Run } from './manager.js';
import { letGo } from './proxies.js';
import { fenceByCommand, perform } from './steps.js';

export type OperationEnd = HistoryEntry['result'] | 'UNFINISHED' | 'REFUSED';

/** Carries out an operation on the model, journalled as src/act/execute.ts does. */
export function execute(run: Run, operation: Operation, situation: Situation | null): OperationEnd {
  const journals = !run.setup.mutant.faults.has('does not journal');
  try {
    save(run, (state) => ({ ...state, operation: beginNext(operation, run.iso()) }), journals);
    for (;;) {
      const current = run.state.operation;
      if (current === null) throw new Error('the operation vanished from the saved state');
      const index = current.steps.findIndex((one) => one.state === 'begun');
      const one = current.steps[index];
      if (one === undefined) return finish(run, current);
      const result = perform(run, current, one.step, situation);
      run.tell(`${one.step.kind}: ${result.kind} ${result.kind === 'done' ? result.note : result.error.message}`);
      if (result.kind === 'abort') return abortOperation(run, result.error);
      if (result.kind === 'refused') {
        run.save((state) => ({ ...state, operation: null }));
        return 'REFUSED';
      }
      if (result.kind === 'stop') return 'UNFINISHED';
      const change = (state: SavedState): SavedState => {
        const changed = result.kind === 'done' && result.change !== undefined ? result.change(state) : state;
        if (changed.operation === null) return changed;
        const settled = settleStep(changed.operation, index, result, run.iso());
        return {
          ...changed,
          operation: nextStep(settled) < settled.steps.length ? beginNext(settled, run.iso()) : settled,
        };
      };
      save(run, change, journals);
      if (one.step.kind === 'record' && result.kind === 'done')
        run.publish(run.state.operation?.new_master ?? null, true);
    }
  } catch (error) {
    if (error instanceof CannotSave) return 'UNFINISHED';
    throw error;
  }
}

function save(run: Run, change: (state: SavedState) => SavedState, journals: boolean): void {
  if (journals) run.save(change);
  else run.state = change(run.state);
}

function finish(run: Run, operation: Operation): OperationEnd {
  restartFailed(run, operation);
  const proved = operation.steps.some(({ step, state }) => step.kind === 'prove_writes' && state === 'done');
  return close(run, operation, proved ? 'SUCCESS' : 'FAIL');
}

function close(run: Run, operation: Operation, result: HistoryEntry['result']): OperationEnd {
  const ended = run.iso();
  const entry = historyEntry(operation, { ended, result, details: result });
  run.save((state) => ({
    ...state,
    operation: null,
    last_failover:
      operation.automatic && result !== 'ROLLED BACK' ? { ended, acknowledged: false } : state.last_failover,
    history: addHistory(state.history, entry, 5),
  }));
  run.tell(`operation ended: ${result}`);
  return result;
}

function abortOperation(run: Run, why: Failure): OperationEnd {
  const { operation } = run.state;
  if (operation === null) throw new Error('abort without an operation');
  run.tell(`no server was promoted: ${why.message}`);
  rollBack(run, operation);
  if (operation.failed_candidates.length > 0 && operation.kind !== 'switchover') restartOldMaster(run, operation);
  restartFailed(run, operation);
  return close(run, operation, 'ROLLED BACK');
}

/** Undoes an operation in which nobody was promoted, as src/act/rollback.ts does. */
function rollBack(run: Run, operation: Operation): void {
  for (const former of operation.former_upstreams) {
    if (run.look(former.server).reach.kind === 'accepting') run.world.server(former.server).upstream = former.host;
  }
  const master = operation.old_master;
  if (wasTouched(operation) && mayBeUnfenced(run, master)) unfence(run, master);
  if (wasBegun(operation, 'stop_old_master')) reviveStopped(run, operation);
  letGo(run, operation);
}

function mayBeUnfenced(run: Run, master: string): boolean {
  const seen = run.look(master);
  return seen.facts?.in_recovery !== true && (acceptsWrites(seen) || findWriter(run, master) === null);
}

/** Whoever else takes writes. */
function findWriter(run: Run, master: string): string | null {
  const others = Object.values(run.state.servers).filter(({ def }) => def.enabled && def.name !== master);
  return others.find(({ def }) => acceptsWrites(run.look(def.name)))?.def.name ?? null;
}

function wasBegun({ steps }: Operation, kind: StepKind): boolean {
  return steps.some(({ step, state }) => step.kind === kind && state !== 'pending');
}

function wasTouched({ steps }: Operation): boolean {
  return steps.some(
    ({ step, state }) =>
      state !== 'pending' &&
      (step.kind === 'stop_old_master' ||
        (step.kind === 'fence_old_master' && (step.way.kind === 'signal' || step.way.kind === 'kill'))),
  );
}

function unfence(run: Run, name: string): boolean {
  if (!run.ssh(name)) return false;
  run.world.server(name).signal = false;
  return true;
}

function reviveStopped(run: Run, operation: Operation): void {
  const master = operation.old_master;
  if (acceptsWrites(run.look(master))) return;
  if (findWriter(run, master) !== null) return;
  if (fenceByCommand(run, master, 'kill') === null) restartOldMaster(run, operation);
}

function restartOldMaster(run: Run, { old_master: name }: Operation): void {
  if (!unfence(run, name)) return;
  run.pause(5);
  if (run.ssh(name)) run.world.start(run.world.server(name));
  run.pause(1000);
}

/** Candidates that were killed because their promotion failed come up as the replicas that they are. */
function restartFailed(run: Run, operation: Operation): void {
  for (const name of operation.failed_candidates) {
    if (run.look(name).reach.kind === 'accepting' || !run.ssh(name)) continue;
    run.world.start(run.world.server(name));
    run.pause(500);
  }
}

/** An operation of an earlier run that nobody was promoted in. */
export function rollBackUnfinished(run: Run, operation: Operation): void {
  rollBack(run, operation);
  const entry = historyEntry(operation, { ended: run.iso(), result: 'ROLLED BACK', details: 'by a later run' });
  run.save((state) => ({ ...state, operation: null, history: addHistory(state.history, entry, 5) }));
}

/** Makes a server forget that it was asked to promote itself. */
export function takeBack(run: Run, operation: Operation, name: string): boolean {
  if (fenceByCommand(run, name, 'kill') !== null) return false;
  restartFailed(run, { ...operation, failed_candidates: [...operation.failed_candidates, name] });
  return true;
}
