import { MOST_ROUNDS } from '../core/limits.js';
import { execute } from '../act/execute.js';
import { judgeAbandonment } from '../core/abandon.js';
import type { Decision } from '../core/decision.js';
import type { Operation, Step } from '../core/model.js';
import type { PreflightFinding } from '../core/preflight.js';
import { HandyRepError, describeFailure } from '../core/outcome.js';
import { type FailoverPlan, failoverSteps, journal } from '../core/plan.js';
import { type Resumption, resume } from '../core/resume.js';
import type { OnDemand, Situation } from '../core/situation.js';
import { type CutShort, cutShort } from './cut-short.js';
import type { Sign } from './doubt.js';
import { type Decided, type RoundOptions, type RoundResult, observeAndDecide } from './round.js';
import type { Report } from '../report/report.js';
import { contradictionReport, interrupted } from './refusals.js';
import { type Findings, POLL_FINDINGS, keep, keepWhatWasDone } from './keep.js';
import { reapRebuilds } from './rebuild.js';
import { payOwedArchive } from './archive-owed.js';
import { payOwedConnections } from './connections.js';
import { fenceReturned, payOwedFencing, recordMaster, restartMaster } from './recover.js';
import type { Sentinel } from './sentinel.js';
import { beforeHook, newOperation } from './new-operation.js';
import { type Session, actorOf } from './session.js';
import { abandonOperation, rollBackOperation } from './unfinished.js';
import { findings, pollFindings } from './verify.js';

/** What a check came to. */
export interface CheckResult {
  readonly success: boolean;
  readonly details: string;
  readonly hint: string | null;
  readonly decision: Decision;
  readonly situation: Situation;
  /** The operation that was carried out, with its steps. */
  readonly operation: Operation | null;
  /** A failover was made in this check. */
  readonly failed_over: boolean;
  /** What was asked for was refused as unsafe. */
  readonly refused: boolean;
  /** What is to be done step by step; null: what the decision leads to. */
  readonly steps: readonly Step[] | null;
  /** What a switchover would stumble over; empty where none was asked for. */
  readonly preflight: readonly PreflightFinding[];
}

export interface CheckOptions {
  /** Look thoroughly while all is calm. */
  readonly verify: boolean;
  readonly dry_run: boolean;
  readonly on_demand: OnDemand | null;
  /** Switch over where the master lives. */
  readonly planned?: boolean;
  /** What made this check begin before it was due. */
  readonly sign?: Sign | null;
  /** Watches the master beside this check; absent: nobody does. */
  readonly sentinel?: Sentinel;
}

/** One failover check: looks, decides, acts, and remembers. */
export async function check(session: Session, options: CheckOptions): Promise<CheckResult | Report> {
  const did: string[] = [];
  const { sentinel } = options;
  let round: RoundOptions = {
    persistent: true,
    thorough: options.verify,
    may_write: !options.dry_run,
    on_demand: options.on_demand,
    restart_failed: null,
    sign: options.sign ?? null,
    ...(sentinel === undefined ? {} : { heartbeat: () => sentinel.heartbeat() }),
  };
  for (let count = 1; ; count++) {
    const cut = cutShort(session, count === 1 ? (sentinel?.alarm() ?? null) : null);
    const last = count >= MOST_ROUNDS;
    const observed = await cut.unless(observeAndDecide(cut.session, { ...round, silent: () => void cut.settle() }));
    const done =
      observed === null
        ? null
        : await follow(session, observed, { ...options, cut, last }).finally(() => observed.vigil?.end());
    if (done === null) {
      round = { ...round, sign: (await sentinel?.wait(0)) ?? null };
      continue;
    }
    if ('exit_code' in done) return done;
    if (done.kind === 'result') return { ...done.result, details: [...did, done.result.details].join('; ') };
    did.push(done.did);
    round = { ...round, sign: null, restart_failed: done.restart_failed ?? round.restart_failed };
  }
}

interface FollowOptions extends CheckOptions {
  readonly cut: CutShort;
  /** Whatever is done, nothing is looked at again. */
  readonly last: boolean;
}

/** Remembers what was seen, and does what was decided. Null: it was given up before. */
async function follow(
  session: Session,
  observed: RoundResult,
  { cut, last, ...options }: FollowOptions,
): Promise<Acted | Report | null> {
  if (session.signal.aborted) return interrupted();
  const contradiction = contradictionReport(session, observed);
  if (contradiction !== null) {
    const message = contradiction.details;
    if (!options.dry_run) session.tell({ category: 'DECISION', message, iserror: true, alert: true });
    return contradiction;
  }
  const { diagnosis } = observed.decision;
  const handover = options.planned === true && diagnosis.kind === 'master_healthy';
  if (options.dry_run)
    return asResult(handover ? await (await import('./switchover.js')).rehearse(session, observed) : dryRun(observed));
  const found = await cut.unless(whatElse(cut.session, observed, options));
  if (found === null || !cut.settle()) return null;
  tellDecision(session, observed.decision);
  await keep(session, observed, found);
  await reapRebuilds(session);
  if (diagnosis.kind === 'master_healthy') {
    const fenced = await payOwedFencing(session, observed.situation, options.verify);
    const moved = await payOwedConnections(session, observed.situation);
    const archived = await payOwedArchive(session, observed.situation);
    if (fenced || moved || archived) await keepWhatWasDone(session, observed);
  }
  if (handover) return asResult(await (await import('./switchover.js')).switchOver(session, observed));
  return act(session, observed, last);
}

function asResult(result: CheckResult | Report): Acted | Report {
  return 'exit_code' in result ? result : { kind: 'result', result };
}

/** What a round came to where nothing was done. */
export function resultOf({ situation, decision }: RoundResult): CheckResult {
  const { success, details, hint } = decision;
  return {
    success,
    details,
    hint,
    decision,
    situation,
    operation: null,
    failed_over: false,
    refused: false,
    steps: null,
    preflight: [],
  };
}

/** Nothing is changed anywhere, not even a line in the log. */
function dryRun(observed: RoundResult): CheckResult {
  const result = resultOf(observed);
  return { ...result, details: `dry run, nothing was done: ${result.details}` };
}

function tellDecision(session: Session, decision: Decision): void {
  session.tell({
    category: decision.alarm ? 'DECISION' : 'CHECK',
    message: `rule ${decision.rule}, ${decision.diagnosis.kind}: ${decision.details}`,
    iserror: !decision.success,
  });
}

/** A verify is for calm times: with a failover ahead nothing may come before it. */
async function whatElse(session: Session, observed: RoundResult, options: CheckOptions): Promise<Findings> {
  if (observed.decision.action.kind !== 'none') return POLL_FINDINGS;
  return options.verify ? findings(session, observed.situation.servers) : pollFindings(session);
}

type Acted =
  | { readonly kind: 'result'; readonly result: CheckResult }
  /** Something was done, and everything is to be looked at and decided anew. */
  | { readonly kind: 'again'; readonly did: string; readonly restart_failed?: string };

async function act(session: Session, observed: RoundResult, last: boolean): Promise<Acted> {
  const { situation, decision } = observed;
  const end = (change: Partial<CheckResult> = {}): Acted => ({
    kind: 'result',
    result: { ...resultOf(observed), ...change },
  });
  switch (decision.action.kind) {
    case 'none':
    case 'look':
      return end();
    case 'resume':
      return resumeOperation(session, situation, last ? end : null, end);
    case 'fence_returned': {
      const fenced = await fenceReturned(session, decision.action.servers);
      return fenced.ok && !last
        ? { kind: 'again', did: fenced.details }
        : end({ success: fenced.ok, details: fenced.details });
    }
    case 'record_master': {
      const recorded = await recordMaster(session, situation, decision.action);
      return recorded.ok && !last
        ? { kind: 'again', did: recorded.details }
        : end({ success: recorded.ok, details: recorded.details });
    }
    case 'restart_master': {
      const { server } = decision.action;
      const failed = await restartMaster(session, server);
      if (failed === null) return last ? end() : { kind: 'again', did: `the master ${server} was started again` };
      session.tell({ category: 'FAILURE', message: failed, server, iserror: true });
      return last ? end({ details: failed }) : { kind: 'again', did: failed, restart_failed: failed };
    }
    case 'fail_over':
      return failOver(session, observed, decision.action.plan, end);
  }
}

type End = (change?: Partial<CheckResult>) => Acted;

async function failOver(
  session: Session,
  { situation, decision, moments, vigil }: RoundResult,
  plan: FailoverPlan,
  end: End,
): Promise<Acted> {
  const operation = newFailover(session, { situation, decision, moments }, plan);
  session.tell({ category: 'FAILOVER', message: `begins: ${decision.details}`, alert: 'announcement' });
  const done = await execute(actorOf(session, vigil), operation, situation);
  return afterOperation(session, done, end);
}

async function afterOperation(session: Session, done: Awaited<ReturnType<typeof execute>>, end: End): Promise<Acted> {
  const { operation, details } = done;
  const failed_over = done.result === 'SUCCESS' || done.result === 'FAIL';
  if (failed_over) await refresh(session);
  const refused = done.result === 'REFUSED' && !operation.automatic;
  return end({ success: done.result === 'SUCCESS', details, hint: null, operation, failed_over, refused });
}

function newFailover(session: Session, { situation, decision, moments = [] }: Decided, plan: FailoverPlan): Operation {
  return newOperation(session, {
    kind: 'failover',
    automatic: situation.on_demand === null,
    old_master: plan.old_master,
    new_master: null,
    steps: journal(failoverSteps(plan, beforeHook(session.config, situation))),
    evidence: decision.evidence.map((one) => one.text),
    moments,
  });
}

/** After a change of master: one more look, a thorough one, so that what is saved is what is now. */
export async function refresh(session: Session): Promise<void> {
  const observed = await observeAndDecide(session, {
    persistent: false,
    thorough: true,
    may_write: true,
    on_demand: null,
    restart_failed: null,
  });
  await keep(session, observed, await findings(session, observed.situation.servers));
  if (observed.decision.diagnosis.kind !== 'master_healthy') return;
  const moved = await payOwedConnections(session, observed.situation);
  const archived = await payOwedArchive(session, observed.situation);
  if (moved || archived) await keepWhatWasDone(session, observed);
}

async function resumeOperation(session: Session, situation: Situation, over: End | null, end: End): Promise<Acted> {
  const { operation } = situation.state;
  if (operation === null) return end();
  const judged = resume(operation, situation.servers);
  session.tell({
    category: 'FAILOVER',
    message: `unfinished operation ${operation.id}: ${judged.kind}, ${judged.why}`,
  });
  const actor = actorOf(session);
  switch (judged.kind) {
    case 'wait':
      if (situation.on_demand?.force === true && over === null) return giveUp(session, situation, operation, judged);
      return end({
        success: false,
        details: `the operation ${operation.id} is unfinished: ${judged.why}`,
        hint: `bring ${operation.new_master ?? 'the chosen server'} back; or, when it is lost, \`handyrep promote NAME --force\` another`,
        operation,
      });
    case 'forward':
      return afterOperation(session, await execute(actor, judged.operation, null), end);
    case 'roll_back':
    case 'take_back': {
      const undone = await rollBackOperation(session, operation, judged);
      if (!undone.ok) return end({ success: false, details: describeFailure(undone.error) });
      const details = undone.value;
      return over === null ? { kind: 'again', did: details } : over({ details });
    }
  }
}

/** An operator who promotes another server by force gives up the one that was asked and does not answer. */
async function giveUp(
  session: Session,
  situation: Situation,
  operation: Operation,
  judged: Resumption,
): Promise<Acted> {
  const abandonment = judgeAbandonment(operation, judged);
  const done = abandonment.ok ? await abandonOperation(session, operation, abandonment.value, situation) : abandonment;
  if (!done.ok) throw new HandyRepError(done.error);
  return { kind: 'again', did: done.value };
}
