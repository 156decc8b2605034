import { archiveWork } from '../core/archive-owed.js';
import { NO_ARCHIVE } from '../core/model.js';
import type { Situation } from '../core/situation.js';
import type { Session } from './session.js';

/**
 * What a change of master, or a look, left to be done for the archive, is done: with a master that is well, by each check, until it
 * succeeds. Never a part of the failover itself. True: something was done.
 */
export async function payOwedArchive(session: Session, situation: Situation): Promise<boolean> {
  const state = session.state.current();
  if (!session.config.archive.archiving) {
    const { master, owed, gap } = state.archive;
    if (master === null && owed.length === 0 && !gap) return false;
    await session.state.save((one) => ({ ...one, archive: NO_ARCHIVE }));
    return true;
  }
  const work = archiveWork({ ...situation, state });
  if (work === null) return false;
  return (await import('./archive.js')).catchUp(session, situation, work);
}
