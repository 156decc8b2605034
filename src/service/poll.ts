import { describeFailure } from '../core/outcome.js';
import { recordedMaster } from '../core/situation.js';
import { unknownServer } from '../core/unknown-server.js';
import { viewDecision } from '../report/decision.js';
import { type Report, checked, failed } from '../report/report.js';
import { viewStatus } from '../report/status.js';
import { type Findings, keep, publishState } from './keep.js';
import { reapRebuilds } from './rebuild.js';
import { contradictionReport, interrupted } from './refusals.js';
import { type Reach, openSession } from './open.js';
import type { PollReport } from './reports.js';
import { type RoundResult, observeAndDecide } from './round.js';
import type { Session } from './session.js';
import { findings, pollFindings } from './verify.js';

/** The light check. */
export function poll(reach: Reach, lock_wait: number, names: readonly string[]): Promise<PollReport | Report> {
  return look(reach, { lock_wait, names, command: 'poll' }, (session) => pollFindings(session));
}

/** The thorough check. */
export function verify(reach: Reach, lock_wait: number, names: readonly string[]): Promise<PollReport | Report> {
  return look(reach, { lock_wait, names, command: 'verify' }, (session, observed) =>
    findings(session, observed.situation.servers),
  );
}

interface LookOptions {
  readonly lock_wait: number;
  /** Empty: all servers. */
  readonly names: readonly string[];
  readonly command: string;
}

type Deeper = (session: Session, observed: RoundResult) => Promise<Findings>;

async function look(reach: Reach, options: LookOptions, deeper: Deeper): Promise<PollReport | Report> {
  const opened = await openSession(reach, options);
  if (!opened.ok) return failed(opened.error);
  const { session, close } = opened.value;
  try {
    const unknown = options.names.find((name) => session.state.current().servers[name] === undefined);
    if (unknown !== undefined) return failed(unknownServer(unknown, Object.keys(session.state.current().servers)));
    return await lookWithLock(session, options, deeper);
  } finally {
    await close();
  }
}

async function lookWithLock(session: Session, options: LookOptions, deeper: Deeper): Promise<PollReport | Report> {
  const observed = await observeAndDecide(session, {
    persistent: false,
    thorough: options.command === 'verify',
    may_write: true,
    on_demand: null,
    restart_failed: null,
    only: withMaster(session, options.names),
  });
  if (session.signal.aborted) return interrupted();
  const contradiction = contradictionReport(session, observed);
  if (contradiction !== null) return contradiction;
  const { decision } = observed;
  session.tell({
    category: options.command === 'verify' ? 'VERIFY' : 'POLL',
    message: decision.details,
    iserror: !decision.success,
  });
  const found = await deeper(session, observed);
  const saved = await keep(session, observed, found);
  await reapRebuilds(session);
  await publishState(session, options.command === 'verify');
  const view = viewStatus(session.state.current(), session.config.failover, Date.now());
  if (!saved.ok) return failed({ ...saved.error, message: `${decision.details}; ${describeFailure(saved.error)}` });
  return checked(decision.success, sentence(decision.details, view), decision.hint, {
    ...view,
    decision: viewDecision(decision),
    ...(options.command === 'verify' ? { slots: found.slots, archivers: found.archivers } : {}),
  });
}

/** Whoever is named, the master is looked at: how the cluster is cannot be told without it, and one not asked is not down. */
function withMaster(session: Session, names: readonly string[]): readonly string[] {
  const master = recordedMaster(session.state.current());
  return names.length === 0 || master === null ? names : [...names, master];
}

/** The decision's sentence, and what is wrong besides. */
function sentence(
  details: string,
  view: { readonly cluster: { readonly status: string; readonly status_message: string } },
): string {
  return view.cluster.status === 'warning' && view.cluster.status_message !== details
    ? `${details}; ${view.cluster.status_message}`
    : details;
}
