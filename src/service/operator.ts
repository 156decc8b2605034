import type { SavedState } from '../core/model.js';
import { type Report, failed, success } from '../report/report.js';
import { publishState } from './keep.js';
import type { Reach } from './open.js';
import { notYetBelieved, actUnderLock } from './under-lock.js';

export interface PauseOptions {
  /** Milliseconds; absent: until `resume`. */
  readonly for?: number;
  readonly reason?: string;
}

interface Change {
  readonly command: string;
  readonly lock_wait: number;
  /** What is said when there is nothing to change; null: there is. */
  readonly idle: (state: SavedState) => string | null;
  readonly change: (state: SavedState) => SavedState;
  readonly said: string;
}

/** Automatic action off, for a time or until it is resumed; checks go on. */
export function pauseActing(reach: Reach, lock_wait: number, options: PauseOptions): Promise<Report> {
  const now = Date.now();
  const until = options.for === undefined ? null : new Date(now + options.for).toISOString();
  const pause = { since: new Date(now).toISOString(), until, reason: options.reason ?? '' };
  return changeState(reach, {
    command: 'pause',
    lock_wait,
    idle: () => null,
    change: (state) => ({ ...state, pause }),
    said: `automatic action is paused ${until === null ? 'until `handyrep resume`' : `until ${until}`}${pause.reason === '' ? '' : ` (${pause.reason})`}`,
  });
}

/** Automatic action on again. */
export function resumeActing(reach: Reach, lock_wait: number): Promise<Report> {
  return changeState(reach, {
    command: 'resume',
    lock_wait,
    idle: (state) => (state.pause === null ? 'automatic action is not paused' : null),
    change: (state) => ({ ...state, pause: null }),
    said: 'automatic action is on again',
  });
}

/** The operator has seen the last automatic failover: the wait before the next one ends. */
export function acknowledge(reach: Reach, lock_wait: number): Promise<Report> {
  return changeState(reach, {
    command: 'ack',
    lock_wait,
    idle: ({ last_failover }) =>
      last_failover === null || last_failover.acknowledged ? 'there is no failover to acknowledge' : null,
    change: (state) => ({
      ...state,
      last_failover: state.last_failover === null ? null : { ...state.last_failover, acknowledged: true },
    }),
    said: 'the last automatic failover is acknowledged: the next one need not wait',
  });
}

function changeState(reach: Reach, { command, lock_wait, idle, change, said }: Change): Promise<Report> {
  return actUnderLock<Report>(reach, { command, lock_wait }, async (session) => {
    const unbelieved = await notYetBelieved(session);
    if (unbelieved !== null) return unbelieved;
    const nothing = idle(session.state.current());
    if (nothing !== null) return success(nothing, {});
    const saved = await session.state.save(change);
    if (!saved.ok) return failed(saved.error);
    session.tell({ category: 'STATUS', message: said });
    await publishState(session, false);
    return success(said, {});
  });
}
