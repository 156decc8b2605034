import { rollBack } from '../act/rollback.js';
import { type Abandonment, withAbandoned } from '../core/abandon.js';
import type { Operation } from '../core/model.js';
import { type Outcome, describeFailure, ok } from '../core/outcome.js';
import { addHistory, historyEntry } from '../core/saved.js';
import { type Session, actorOf } from './session.js';

/** Undoes an operation in which nobody was asked to promote itself; says what was done. */
export async function rollBackOperation(session: Session, operation: Operation, why: string): Promise<Outcome<string>> {
  const undone = await rollBack(actorOf(session), operation);
  const details = [`the operation ${operation.id} was rolled back: ${why}`, ...undone].join('; ');
  const end = { ended: new Date().toISOString(), result: 'ROLLED BACK', details } as const;
  const saved = await session.state.save((state) => ({
    ...state,
    operation: null,
    history: addHistory(state.history, historyEntry(operation, end)),
  }));
  session.tell({ category: 'FAILOVER', message: details, alert: true });
  if (saved.ok) return ok(details);
  return { ok: false, error: { ...saved.error, message: `${details}; ${describeFailure(saved.error)}` } };
}

/** Gives up an operation, as it was judged; says what was done. */
export async function abandonOperation(
  session: Session,
  operation: Operation,
  abandonment: Abandonment,
): Promise<Outcome<string>> {
  if (abandonment.kind === 'roll_back') return rollBackOperation(session, operation, abandonment.why);
  const details = `the operation ${operation.id} was given up (${abandonment.why})`;
  session.tell({ category: 'FAILOVER', message: details, iserror: true, alert: true });
  const at = new Date().toISOString();
  const saved = await session.state.save((state) => withAbandoned(state, operation, { abandonment, at }));
  return saved.ok ? ok(details) : saved;
}
