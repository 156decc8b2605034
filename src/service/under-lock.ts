import type { SavedServer } from '../core/model.js';
import { type Failure, type Outcome, fail, ok } from '../core/outcome.js';
import { unknownServer } from '../core/unknown-server.js';
import { type Report, failed } from '../report/report.js';
import { POLL_FINDINGS, keep, publishState } from './keep.js';
import { underLock } from './locked.js';
import type { OpenOptions, Reach } from './open.js';
import { contradictionReport, interrupted, isUnproved } from './refusals.js';
import { observeAndDecide } from './round.js';
import type { Session } from './session.js';
import { findings } from './verify.js';

/** Does one thing that an operator asked for: under the lock, with the newest state that can be found. */
export async function actUnderLock<T extends Report>(
  reach: Reach,
  options: OpenOptions,
  act: (session: Session) => Promise<T | Report>,
): Promise<T | Report> {
  const done = await underLock(reach, options, async (session) => ok(await act(session)));
  return done.ok ? done.value : failed(done.error);
}

/**
 * A state that was never saved here is a copy or the configuration, and saving it makes it believed from then on: so it is first
 * compared with the live cluster and kept, as by a poll. Null: it may be changed.
 */
export async function notYetBelieved(session: Session): Promise<Report | null> {
  if (!isUnproved(session)) return null;
  const observed = await observeAndDecide(session, ONE_LOOK);
  if (session.signal.aborted) return interrupted();
  const contradiction = contradictionReport(session, observed);
  if (contradiction !== null) return contradiction;
  const kept = await keep(session, observed, POLL_FINDINGS);
  return kept.ok ? null : failed(kept.error);
}

const ONE_LOOK = { persistent: false, thorough: true, may_write: true, on_demand: null, restart_failed: null };

/**
 * After an act: looks at everybody and remembers, so that `status` tells what is now. Thoroughly, because a poll leaves a
 * warning that no longer holds. Its own trouble is logged.
 */
export async function lookAgain(session: Session): Promise<void> {
  const observed = await observeAndDecide(session, ONE_LOOK);
  if (session.signal.aborted || contradictionReport(session, observed) !== null) return;
  await keep(session, observed, await findings(session, observed.situation.servers));
  await publishState(session, false);
}

/** The server of this name as it is saved. */
export function findServer(session: Session, name: string): Outcome<SavedServer> {
  const { servers } = session.state.current();
  const server = Object.hasOwn(servers, name) ? servers[name] : undefined;
  return server === undefined ? { ok: false, error: unknownServer(name, Object.keys(servers)) } : ok(server);
}

/** Nothing else is begun while an operation is half done: the reason, else null. */
export function unfinishedOperation(session: Session): Failure | null {
  const { operation } = session.state.current();
  if (operation === null) return null;
  return fail('unsafe', `the operation ${operation.id} is unfinished`, {
    hint: 'see it with `handyrep resolve`; `handyrep failover-check` finishes it or rolls it back',
  }).error;
}
