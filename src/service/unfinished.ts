import { type Actor, serverDef } from '../act/actor.js';
import { fenceByCommand } from '../act/fence.js';
import { restartFailed, rollBack } from '../act/rollback.js';
import { type Abandonment, withAbandoned } from '../core/abandon.js';
import type { Operation } from '../core/model.js';
import { type Outcome, describeFailure, fail, ok } from '../core/outcome.js';
import type { Resumption } from '../core/resume.js';
import { addHistory, historyEntry } from '../core/saved.js';
import type { Situation } from '../core/situation.js';
import { managerSickness } from '../core/suspicion.js';
import { payFencing } from './recover.js';
import { type Session, actorOf } from './session.js';

/** What is to be undone, as it was judged. */
type Undone = Pick<Extract<Resumption, { kind: 'roll_back' }>, 'why'> | Extract<Resumption, { kind: 'take_back' }>;

/** Undoes an operation in which nobody was promoted; says what was done. */
export async function rollBackOperation(
  session: Session,
  operation: Operation,
  judged: Undone,
): Promise<Outcome<string>> {
  const actor = actorOf(session);
  const taken = 'server' in judged ? await takeBack(actor, operation, judged.server) : ok([]);
  if (!taken.ok) return taken;
  const undone = [...(await rollBack(actor, operation)), ...taken.value];
  const details = [`the operation ${operation.id} was rolled back: ${judged.why}`, ...undone].join('; ');
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

/** A request to promote is forgotten with the process that got it: it comes up again as the replica that it was. */
async function takeBack(actor: Actor, operation: Operation, name: string): Promise<Outcome<readonly string[]>> {
  const server = serverDef(actor, name);
  if (server === null) return fail('unknown_server', `${name} is no longer a known server`, { server: name });
  const stopped = await fenceByCommand(actor, server, 'kill');
  if (!stopped.ok) return stopped;
  return ok(await restartFailed(actor, { ...operation, failed_candidates: [...operation.failed_candidates, name] }));
}

/**
 * Gives up an operation, as it was judged; says what was done. A server that was asked to promote itself may still do so: it is stopped
 * where its host lets us, unless we are the sick one, who touches nothing.
 */
export async function abandonOperation(
  session: Session,
  operation: Operation,
  abandonment: Abandonment,
  situation: Situation,
): Promise<Outcome<string>> {
  if (abandonment.kind === 'roll_back') return rollBackOperation(session, operation, abandonment);
  const details = `the operation ${operation.id} was given up (${abandonment.why})`;
  session.tell({ category: 'FAILOVER', message: details, iserror: true, alert: true });
  const at = new Date().toISOString();
  const saved = await session.state.save((state) => withAbandoned(state, operation, { abandonment, at }));
  if (!saved.ok) return saved;
  const server = abandonment.kind === 'give_up' ? serverDef(actorOf(session), abandonment.server) : null;
  if (server === null || managerSickness(situation).length > 0) return ok(details);
  const stopped = await payFencing(session, server);
  const { name } = server;
  const message = stopped.ok
    ? `${name} was stopped: ${stopped.value}`
    : `${name} could not be stopped (${describeFailure(stopped.error)}): it is as soon as it comes back as a master`;
  session.tell({ category: 'FENCE', message, server: name, iserror: !stopped.ok, alert: true });
  return ok(`${details}; ${message}`);
}
