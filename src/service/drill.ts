import { decide } from '../core/decide.js';
import { type Drill, drill } from '../core/drill.js';
import type { Counterfactual } from '../core/counterfactual.js';
import { type Fault, MANAGER, describeFault } from '../core/imagine.js';
import { type Outage, type OutageBounds, expectedOutage } from '../core/outage.js';
import type { Failure } from '../core/outcome.js';
import { type Situation, recordedMaster } from '../core/situation.js';
import { CLOSER_LOOK_MS } from '../core/limits.js';
import { boundsOf } from '../core/timings.js';
import { unknownServer } from '../core/unknown-server.js';
import { type DecisionView, type PlanView, viewDecision } from '../report/decision.js';
import { type Report, checked, failed } from '../report/report.js';
import { viewStatus } from '../report/status.js';
import { planOf } from './failover-check.js';
import { type Reach, openSession } from './open.js';
import { contradictionReport, interrupted } from './refusals.js';
import { observeEverything } from './round.js';
import type { Session } from './session.js';
import { timingInput } from './timings.js';

/** The faults to imagine, by server; none at all: the master is killed. */
export interface DrillOptions {
  readonly kill?: readonly string[];
  readonly freeze?: readonly string[];
  readonly busy?: readonly string[];
  /** Pairs that cannot reach each other; `manager` is this host. */
  readonly cut?: readonly (readonly [string, string])[];
}

/** Answer of `drill`: exit code 0 where the cluster would survive. */
export type DrillReport = Report &
  Omit<PlanView, 'preflight'> & {
    /** What was imagined, in words. */
    readonly faults: readonly string[];
    /** What is wrong already, without any drill. */
    readonly trouble: readonly string[];
    readonly survives: boolean;
    readonly decision: DecisionView;
    /** Who would be promoted; null: nobody. */
    readonly candidate: string | null;
    /** What would be decided if the master that is started again did not start. */
    readonly fallback: string | null;
    readonly outage: Outage | null;
    /** What would have to be otherwise; empty where it would survive. */
    readonly otherwise: readonly Counterfactual[];
  };

/** Looks at the live cluster, lays imagined faults over it, and decides. Changes nothing anywhere. */
export async function drillCluster(
  reach: Reach,
  lock_wait: number,
  options: DrillOptions,
): Promise<DrillReport | Report> {
  const opened = await openSession(reach, { command: 'drill', lock_wait, silent: true });
  if (!opened.ok) return failed(opened.error);
  const { session, close } = opened.value;
  try {
    const faults = faultsOf(options, recordedMaster(session.state.current()));
    const wrong = whyNot(faults, Object.keys(session.state.current().servers));
    if (wrong !== null) return failed(wrong);
    const situation = await observeEverything(session);
    if (session.signal.aborted) return interrupted();
    const decision = decide(situation, session.plugins.select);
    const contradiction = contradictionReport(session, { situation, decision });
    if (contradiction !== null) return contradiction;
    return await report(session, { situation, faults, found: drill(situation, faults, session.plugins.select) });
  } finally {
    await close();
  }
}

function faultsOf(
  { kill = [], freeze = [], busy = [], cut = [] }: DrillOptions,
  master: string | null,
): readonly Fault[] {
  const faults: Fault[] = [
    ...kill.map((server): Fault => ({ kind: 'kill', server })),
    ...freeze.map((server): Fault => ({ kind: 'freeze', server })),
    ...busy.map((server): Fault => ({ kind: 'busy', server })),
    ...cut.map((ends): Fault => ({ kind: 'cut', ends })),
  ];
  return faults.length === 0 && master !== null ? [{ kind: 'kill', server: master }] : faults;
}

/** What forbids to imagine this; null: nothing. */
function whyNot(faults: readonly Fault[], known: readonly string[]): Failure | null {
  if (faults.length === 0) {
    const hint = 'name a fault: --kill, --freeze, --busy or --cut';
    return { code: 'usage', message: 'no master is recorded that could be imagined killed', hint };
  }
  for (const fault of faults) {
    if (fault.kind !== 'cut') {
      if (!known.includes(fault.server)) return unknownServer(fault.server, known);
      continue;
    }
    const stranger = fault.ends.find((end) => end !== MANAGER && !known.includes(end));
    if (stranger !== undefined) return unknownServer(stranger, [...known, MANAGER]);
    if (fault.ends[0] === fault.ends[1]) {
      return {
        code: 'usage',
        message: `${fault.ends[0]} cannot be cut from itself`,
        hint: 'name two: --cut manager:db1',
      };
    }
  }
  return null;
}

interface Drilled {
  readonly situation: Situation;
  readonly faults: readonly Fault[];
  readonly found: Drill;
}

async function report(session: Session, { situation, faults, found }: Drilled): Promise<DrillReport> {
  const { decision, survives, verdict, fallback, otherwise } = found;
  const { failover } = session.config;
  const { action } = decision;
  const words = faults.map(describeFault);
  return checked(survives, `if ${words.join(', and ')}: ${verdict}`, survives ? null : decision.hint, {
    faults: words,
    trouble: troubleIn(session, situation, faults),
    survives,
    decision: viewDecision(decision),
    ...planOf(session, { decision, steps: null, situation }),
    candidate: action.kind === 'fail_over' ? action.plan.candidates[0].server : null,
    fallback: fallback?.details ?? null,
    outage: expectedOutage(decision, failover, await outageBounds(session), session.state.current().history),
    otherwise,
  });
}

/** What is waited for until somebody takes writes, from the bounds of every run. */
async function outageBounds(session: Session): Promise<OutageBounds> {
  const { config, registry } = session;
  const servers = Object.values(session.state.current().servers).map(({ def }) => def);
  const { look, restart, steps } = boundsOf(await timingInput(config, servers, registry));
  const { before_commands, fence_old_master, stop_receivers, choose, promote, prove_writes } = steps;
  return {
    look,
    host: config.handyrep.ssh_timeout + CLOSER_LOOK_MS,
    failover: before_commands + fence_old_master + stop_receivers + choose + promote + prove_writes,
    restart: restart + config.failover.recovery_retries * 1000,
  };
}

/** What is wrong before anything is imagined, and what makes the answer weaker than it looks. */
function troubleIn(session: Session, situation: Situation, faults: readonly Fault[]): readonly string[] {
  const now = decide(situation, session.plugins.select);
  const { stale_message } = viewStatus(session.state.current(), session.config.failover, Date.now());
  const named = new Set(faults.flatMap((fault) => (fault.kind === 'cut' ? fault.ends : [fault.server])));
  const unseen = [...named].filter((name) => name !== MANAGER && situation.servers[name] === undefined);
  return [
    ...(now.alarm || !now.success ? [now.details] : []),
    ...(stale_message === null ? [] : [stale_message]),
    ...unseen.map((name) => `${name} is disabled: what happens to it decides nothing`),
  ];
}
