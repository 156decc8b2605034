import { dropSlotElsewhere } from '../act/forget-slots.js';
import { remasterOne, streamsFrom } from '../act/remaster.js';
import type { ServerDef } from '../core/model.js';
import type { TimelineHistory } from '../core/observation.js';
import { describeFailure } from '../core/outcome.js';
import { refuseRemaster, remasterPair } from '../core/remaster-rules.js';
import { lookAtServers } from '../observe/servers.js';
import { type Report, failed, success } from '../report/report.js';
import type { Reach } from './open.js';
import { interrupted } from './refusals.js';
import { type Session, actorOf, factLook, onlookerOf } from './session.js';
import { lookAgain, notYetBelieved, actUnderLock, unfinishedOperation } from './under-lock.js';

export interface RemasterOptions {
  /** Whom it is to follow; absent: the recorded master. */
  readonly to?: string;
}

/** Answer of `remaster`. */
export type RemasterReport = Report & {
  readonly replica: string;
  /** Whom it follows now. */
  readonly master: string;
  /** What became of its slots on the other servers. */
  readonly slots: readonly string[];
};

/** Points a running replica at the master or another server: a slot there, a reload, and proof that it streams. */
export function remaster(
  reach: Reach,
  lock_wait: number,
  name: string,
  { to }: RemasterOptions,
): Promise<RemasterReport | Report> {
  return actUnderLock(reach, { command: `remaster ${name}`, lock_wait }, async (session) => {
    const unbelieved = await notYetBelieved(session);
    if (unbelieved !== null) return unbelieved;
    const unfinished = unfinishedOperation(session);
    if (unfinished !== null) return failed(unfinished);
    const state = session.state.current();
    const pair = remasterPair({ state, replica: name, to: to ?? null });
    if (!pair.ok) return failed(pair.error);
    const { replica, target } = pair.value;
    const known = Object.values(state.servers).flatMap(({ def }) => (def.enabled || def === replica ? [def] : []));
    const seen = await lookAtServers(factLook(session), known);
    const timeline = seen[target.name]?.facts?.timeline ?? 1;
    const [history, own_history] = await Promise.all([target, replica].map((one) => historyOn(session, one, timeline)));
    if (session.signal.aborted) return interrupted();
    const refusal = refuseRemaster({
      state,
      replica,
      target,
      seen,
      history: history ?? null,
      own_history: own_history ?? null,
    });
    if (refusal !== null) return failed(refusal);
    return pointAt(session, replica, target);
  });
}

async function historyOn(session: Session, server: ServerDef, timeline: number): Promise<TimelineHistory | null> {
  const history = timeline === 1 ? null : await session.sql.timelineHistory(server, timeline);
  return history?.ok === true ? history.value : null;
}

async function pointAt(session: Session, replica: ServerDef, target: ServerDef): Promise<RemasterReport | Report> {
  const done = await remasterOne(actorOf(session), replica, target);
  const slots = done.ok
    ? await dropSlotElsewhere(onlookerOf(session), session.state.current(), replica, target.name)
    : [];
  const message = done.ok ? [streamsFrom(done.value, target), ...slots].join('; ') : describeFailure(done.error);
  session.tell({ category: 'REMASTER', message, server: replica.name, iserror: !done.ok });
  await lookAgain(session);
  if (!done.ok) return failed(done.error);
  return success(message, { replica: replica.name, master: target.name, slots });
}
