import type { ArchiverView } from '../core/archive-rules.js';
import type { Event } from '../core/event.js';
import type { SavedState } from '../core/model.js';
import { type Outcome, describeFailure, ok } from '../core/outcome.js';
import { type Remembered, type Round, rejudge, remember } from '../core/remember.js';
import type { SlotView } from '../core/slot-rules.js';
import { recordedMaster } from '../core/situation.js';
import type { Decided } from './round.js';
import type { Session } from './session.js';

/** What a round learned besides how the servers answered. */
export type Findings = Pick<Round, 'depth' | 'replication' | 'issues' | 'proxies' | 'archive'> & {
  /** Of every server that was looked at thoroughly; for the report, they are not saved. */
  readonly slots: readonly SlotView[];
  /** As {@link slots}: who archives WAL, and how far. */
  readonly archivers: readonly ArchiverView[];
};

export const POLL_FINDINGS: Findings = {
  depth: 'poll',
  replication: {},
  issues: {},
  proxies: {},
  archive: {},
  slots: [],
  archivers: [],
};

/**
 * Folds the round into the saved state, and begins to write it to the evidence journal, which nothing waits for. Its own trouble
 * is told and is no reason not to act.
 */
export async function keep(session: Session, observed: Decided, findings: Findings): Promise<Outcome<unknown>> {
  const { situation, decision, moments } = observed;
  session.evidence.record(session.command, situation, decision, moments);
  // Another HandyRep is the active one: what is saved is its business.
  if (decision.diagnosis.kind === 'not_active') return ok(undefined);
  const round = {
    now: situation.now,
    trouble_since: situation.trouble_since,
    depth: findings.depth,
    replication: findings.replication,
    issues: findings.issues,
    proxies: findings.proxies,
    archive: findings.archive,
    servers: situation.servers,
    manager: situation.manager,
    decision,
  };
  const saved = await save(session, (state) => remember(state, round));
  session.looked();
  return saved;
}

/** What was done since the round was kept shows in the status of the cluster at once, not only after the next look. */
export function keepWhatWasDone(session: Session, { situation, decision }: Decided): Promise<Outcome<unknown>> {
  return save(session, (state) => rejudge(state, decision, situation.now));
}

async function save(session: Session, change: (state: SavedState) => Remembered): Promise<Outcome<unknown>> {
  let events: readonly Event[] = [];
  const saved = await session.state.save((state) => {
    const changed = change(state);
    ({ events } = changed);
    return changed.state;
  });
  for (const event of events) session.tell(event);
  if (!saved.ok) session.tell({ category: 'STATE', message: describeFailure(saved.error), iserror: true, alert: true });
  return saved;
}

/**
 * Writes the cluster table where there is a master to write it on; trouble is told, the next run tries again. What has not
 * changed but for times and positions is written only by a verify or a failover (`always`). `alarm`: a master that gives a reason to
 * look anew is not waited for.
 */
export async function publishState(session: Session, always: boolean, alarm?: AbortSignal): Promise<void> {
  const state = session.state.current();
  const master = state.servers[recordedMaster(state) ?? '']?.def;
  if (master === undefined || state.servers[master.name]?.status.status !== 'healthy') return;
  const written = await session.state.publish(master, always, alarm);
  // Without the table there is less to recover from, and nothing else is wrong: a verify says so, not every poll.
  if (written.ok || !always) return;
  session.tell({ category: 'STATE', message: describeFailure(written.error), server: master.name, iserror: true });
}
