import type { ArchiverView } from '../core/archive-rules.js';
import type { Event } from '../core/event.js';
import { type Outcome, describeFailure, ok } from '../core/outcome.js';
import { type Round, remember } from '../core/remember.js';
import type { SlotView } from '../core/slot-rules.js';
import { recordedMaster } from '../core/situation.js';
import type { RoundResult } from './round.js';
import type { Session } from './session.js';

/** What a round learned besides how the servers answered. */
export type Findings = Pick<Round, 'depth' | 'replication' | 'issues' | 'proxies'> & {
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
  slots: [],
  archivers: [],
};

/**
 * Folds the round into the saved state, and begins to write it to the evidence journal, which nothing waits for. Its own trouble
 * is told and is no reason not to act.
 */
export async function keep(session: Session, observed: RoundResult, findings: Findings): Promise<Outcome<unknown>> {
  const { situation, decision } = observed;
  session.evidence.record(session.command, situation, decision);
  // Another HandyRep is the active one: what is saved is its business.
  if (decision.diagnosis.kind === 'not_active') return ok(undefined);
  const round = {
    now: situation.now,
    trouble_since: situation.trouble_since,
    depth: findings.depth,
    replication: findings.replication,
    issues: findings.issues,
    proxies: findings.proxies,
    servers: situation.servers,
    manager: situation.manager,
    decision,
  };
  let events: readonly Event[] = [];
  const saved = await session.state.save((state) => {
    const remembered = remember(state, round);
    ({ events } = remembered);
    return remembered.state;
  });
  session.looked();
  for (const event of events) session.tell(event);
  if (!saved.ok) session.tell({ category: 'STATE', message: describeFailure(saved.error), iserror: true, alert: true });
  return saved;
}

/**
 * Writes the cluster table where there is a master to write it on; trouble is told, the next run tries again. What has not
 * changed but for times and positions is written only by a verify or a failover (`always`).
 */
export async function publishState(session: Session, always: boolean): Promise<void> {
  const state = session.state.current();
  const master = state.servers[recordedMaster(state) ?? '']?.def;
  if (master === undefined || state.servers[master.name]?.status.status !== 'healthy') return;
  const written = await session.state.publish(master, always);
  // Without the table there is less to recover from, and nothing else is wrong: a verify says so, not every poll.
  if (written.ok || !always) return;
  session.tell({ category: 'STATE', message: describeFailure(written.error), server: master.name, iserror: true });
}
