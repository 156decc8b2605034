import type { SavedServer, SavedState, ServerDef } from '../core/model.js';
import { letUsIn } from '../core/status.js';
import { describeStep, failoverSteps } from '../core/plan.js';
import { stepCommands } from '../core/plan-commands.js';
import { viewDecision, viewOperation, viewPlan } from '../report/decision.js';
import { type Report, checked, failed } from '../report/report.js';
import { viewStatus } from '../report/status.js';
import type { KeptSessions } from '../io/kept-sessions.js';
import { type CheckOptions, type CheckResult, check } from './check.js';
import { beforeHook } from './new-operation.js';
import { publishState } from './keep.js';
import { type OpenOptions, type Reach, openSession } from './open.js';
import type { CheckReport, FailoverCheckOptions, RejoinedView, RepeatOptions } from './reports.js';
import type { Sign } from './doubt.js';
import type { Sentinel } from './sentinel.js';
import type { Session } from './session.js';
import type { Warmth } from './warm.js';

/**
 * The cron job: polls, or verifies when that is due, then decides and acts. `sentinel`: who watches the master beside it; `sign`: what
 * made it begin before it was due.
 */
export async function failoverCheck(
  reach: Reach,
  lock_wait: number,
  options: FailoverCheckOptions,
  { sentinel, sign = null }: { readonly sentinel?: Sentinel | undefined; readonly sign?: Sign | null } = {},
): Promise<CheckReport | Report> {
  const open = { command: 'failover-check', lock_wait, silent: options.dry_run === true };
  return withSession(reach, open, (session) => ({
    verify: options.verify === true || verifyIsDue(session),
    dry_run: options.dry_run === true,
    on_demand: null,
    sign,
    ...(sentinel === undefined ? {} : { sentinel }),
  }));
}

function verifyIsDue(session: Session): boolean {
  const { last_verify } = session.state.current();
  return last_verify === null || Date.now() - Date.parse(last_verify) >= session.config.failover.verify_interval;
}

/** Opens a session, checks, and reports; shared with `promote`. */
export async function withSession(
  reach: Reach,
  open: OpenOptions,
  choose: (session: Session) => CheckOptions | Report,
): Promise<CheckReport | Report> {
  const opened = await openSession(reach, open);
  if (!opened.ok) return failed(opened.error);
  const { session, close } = opened.value;
  try {
    const options = choose(session);
    if ('exit_code' in options) return options;
    const result = await check(session, options);
    if ('exit_code' in result) return result;
    // What was told of the old master must not keep the new one's table from being written.
    const watched = result.decision.diagnosis.kind === 'master_healthy' && !result.failed_over;
    const alarm = watched ? options.sentinel?.alarm() : undefined;
    if (!options.dry_run) await publishState(session, options.verify || result.failed_over, alarm);
    return report(session, result);
  } finally {
    await close();
  }
}

function report(session: Session, result: CheckResult): CheckReport {
  const state = session.state.current();
  const view = viewStatus(state, session.config.failover, Date.now());
  const { decision, operation, preflight } = result;
  const report = checked(result.success, result.details, result.hint, {
    ...view,
    decision: viewDecision(decision),
    ...planOf(session, result),
    preflight,
    operation: operation === null ? null : viewOperation(operation),
    failed_over: result.failed_over,
    rejoined: [],
  });
  return result.refused ? { ...report, exit_code: 4 } : report;
}

/** The steps of a plan in words, and what each would run. */
export function planOf(
  session: Session,
  { decision, steps, situation }: Pick<CheckResult, 'decision' | 'steps' | 'situation'>,
): Pick<CheckReport, 'plan' | 'commands'> {
  const { action } = decision;
  const planned =
    steps ?? (action.kind === 'fail_over' ? failoverSteps(action.plan, beforeHook(session.config, situation)) : null);
  if (planned === null) return { plan: viewPlan(decision), commands: [] };
  const servers = Object.entries(session.state.current().servers).map(([name, { def }]) => [name, def] as const);
  const chosen = planned.flatMap((step) =>
    step.kind === 'prove_candidate' ? [step.server] : step.kind === 'choose' ? [step.candidates[0].server] : [],
  );
  const who = {
    servers: Object.fromEntries(servers),
    new_master: chosen[0] ?? null,
    replication_user: session.config.handyrep.replication_user,
  };
  return { plan: planned.map(describeStep), commands: planned.map((step) => stepCommands(step, who)) };
}

/** What is done between and beside the rounds of {@link repeat}. */
export interface Beside {
  /** Works beside the rounds, one at a time; what it came to is in the next report, and the last report waits for it. */
  rejoin(report: CheckReport | Report): Promise<readonly RejoinedView[]>;
  /** The master, where this report says that it is well, and all servers. */
  calm(report: CheckReport | Report): Promise<Calm>;
  readonly sentinel: Sentinel;
  readonly kept: KeptSessions;
  readonly warmth: Warmth;
}

/** Who is looked after between two rounds. */
export interface Calm {
  /** Null: none is well. */
  readonly master: ServerDef | null;
  /** Enabled ones that let us in. */
  readonly replicas: readonly ServerDef[];
  readonly servers: readonly ServerDef[];
}

/** `state`: as it was saved; null where there is none, or the report is of no check. */
export function calmAfter(report: CheckReport | Report, state: SavedState | null): Calm {
  const saved = state?.servers ?? {};
  const well = 'master_up' in report && report.master_up ? report.master : null;
  const isHeard = (one: SavedServer): boolean => one.def.enabled && one.def.role === 'replica' && letUsIn(one);
  return {
    master: saved[well ?? '']?.def ?? null,
    replicas: Object.values(saved).flatMap((one) => (isHeard(one) ? [one.def] : [])),
    servers: Object.values(saved).map(({ def }) => def),
  };
}

/**
 * Repeats a check until the time is over, each round with its own lock. A round that takes longer than `every` is
 * followed at once by the next, and so is one after which the master gives a reason to look. Ends early when a round says
 * that the configuration or usage is wrong.
 */
export async function* repeat(
  once: (sign: Sign | null) => Promise<CheckReport | Report>,
  { rejoin, calm, sentinel, kept, warmth }: Beside,
  options: Required<RepeatOptions>,
  signal: AbortSignal,
): AsyncGenerator<CheckReport | Report, void, undefined> {
  const { every } = options;
  const end = performance.now() + options.for;
  const rejoined: RejoinedView[] = [];
  const beside: { work: Promise<void> | null } = { work: null };
  const begin = async (report: CheckReport | Report): Promise<void> => {
    rejoined.push(...(await rejoin(report)));
    beside.work = null;
  };
  let sign: Sign | null = null;
  try {
    for (;;) {
      const began = performance.now();
      const report = await once(sign);
      beside.work ??= begin(report);
      const { master: watched, replicas, servers } = await calm(report);
      sentinel.watch(watched);
      kept.keep(replicas);
      warmth.keep(servers);
      const left = began + every - performance.now();
      const last = performance.now() + Math.max(0, left) > end;
      if (last) await beside.work;
      yield 'rejoined' in report ? { ...report, rejoined: rejoined.splice(0) } : report;
      // Until the time is over the master is watched, though no round is due any more.
      sign = last && watched === null ? null : await sentinel.wait(Math.max(0, last ? end - performance.now() : left));
      if (signal.aborted || (last && sign === null)) return;
    }
  } finally {
    await Promise.all([beside.work, sentinel.close(), kept.close(), warmth.close()]);
  }
}
