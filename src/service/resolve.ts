import { execute } from '../act/execute.js';
import { abandonQuestion, judgeAbandonment, notResumable } from '../core/abandon.js';
import type { Operation, SavedState } from '../core/model.js';
import { fail } from '../core/outcome.js';
import { type Resumption, resume } from '../core/resume.js';
import { type OperationView, viewOperation } from '../report/decision.js';
import { type Report, checked, failed, success } from '../report/report.js';
import { fateOf } from '../state/process-identity.js';
import { refresh } from './check.js';
import { publishState } from './keep.js';
import type { Reach } from './open.js';
import { interrupted } from './refusals.js';
import { type RoundResult, observeAndDecide } from './round.js';
import { type Session, actorOf } from './session.js';
import { lookAgain, actUnderLock } from './under-lock.js';
import { abandonOperation, rollBackOperation } from './unfinished.js';

export interface ResolveOptions {
  /** Absent: shows it and changes nothing. */
  readonly how?: 'finish' | 'abandon';
  /** The operator agrees that a server that was asked to promote itself is given up. */
  readonly yes?: boolean;
}

/** A clone or rejoin that is under way or was broken off. */
export interface RebuildView {
  readonly server: string;
  readonly kind: 'clone' | 'rejoin';
  readonly begun: string;
  /** The data directory has been changed: it must not be started. */
  readonly touched: boolean;
  /** Why it is not under way any more; null: it is. */
  readonly broken: string | null;
}

/** Answer of `resolve`. */
export type ResolveReport = Report & {
  readonly did: 'nothing' | 'finished' | 'rolled_back' | 'abandoned';
  readonly operation: OperationView | null;
  /** What the next check does with it. */
  readonly resumption: { readonly kind: Resumption['kind']; readonly why: string } | null;
  readonly rebuilds: readonly RebuildView[];
};

/** Shows what was left unfinished; by the operator's choice finishes it or gives it up. */
export function resolve(reach: Reach, lock_wait: number, options: ResolveOptions): Promise<ResolveReport | Report> {
  return actUnderLock(reach, { command: 'resolve', lock_wait }, async (session) => {
    const { operation } = session.state.current();
    if (operation === null) return nothingUnfinished(session.state.current());
    const observed = await observeAndDecide(session, LOOK);
    if (session.signal.aborted) return interrupted();
    const judged = resume(operation, observed.situation.servers);
    // What an act was decided from is kept, as a check keeps it.
    if ((options.how ?? 'show') !== 'show')
      session.evidence.record(session.command, observed.situation, observed.decision);
    switch (options.how ?? 'show') {
      case 'show':
        return show(session, operation, judged);
      case 'finish':
        return finish(session, { operation, judged, observed });
      case 'abandon':
        return abandon(session, { operation, judged, observed }, options.yes === true);
    }
  });
}

/** An operator asks: what holds back automatic action only does not count. */
const LOOK = {
  persistent: false,
  thorough: true,
  may_write: false,
  on_demand: { to: null, force: false },
  restart_failed: null,
};

interface Found {
  readonly operation: Operation;
  readonly judged: Resumption;
  readonly observed: RoundResult;
}

function nothingUnfinished(state: SavedState): ResolveReport {
  const rebuilds = viewRebuilds(state);
  const broken = rebuilds.filter((one) => one.broken !== null);
  const also = broken.map((one) => `the ${one.kind} of ${one.server} was broken off`).join(', ');
  const details = also === '' ? 'no operation is unfinished' : `no operation is unfinished, but ${also}`;
  const hint = broken.map((one) => `\`handyrep ${one.kind} ${one.server}\``).join(', ');
  return checked(true, details, hint === '' ? null : `do it again with ${hint}`, {
    did: 'nothing',
    operation: null,
    resumption: null,
    rebuilds,
  });
}

function viewRebuilds(state: SavedState): readonly RebuildView[] {
  return state.rebuilds.map(({ server, kind, begun, touched, broken, owner }) => ({
    server,
    kind,
    begun,
    touched,
    broken: broken ?? (fateOf(owner) === 'dead' ? 'its run has died' : null),
  }));
}

type Fields = Omit<ResolveReport, keyof Report>;

function fields(session: Session, did: Fields['did'], operation: Operation, judged: Resumption): Fields {
  const { kind, why } = judged;
  const rebuilds = viewRebuilds(session.state.current());
  return { did, operation: viewOperation(operation), resumption: { kind, why }, rebuilds };
}

const NEXT = {
  forward: 'the next check finishes it',
  roll_back: 'the next check rolls it back',
  take_back: 'the next check stops what was asked, starts it again as a replica, and rolls it back',
  wait: 'the next check waits',
} as const satisfies Record<Resumption['kind'], string>;

function show(session: Session, operation: Operation, judged: Resumption): ResolveReport {
  const details = `the operation ${operation.id} is unfinished: ${NEXT[judged.kind]} (${judged.why})`;
  const hint = 'do so now with `handyrep resolve --finish`, or give it up with `handyrep resolve --abandon`';
  return checked(true, details, hint, fields(session, 'nothing', operation, judged));
}

/** Rules 0 and 1 stand before an unfinished operation: a host that is cut off or not the active one leaves it alone. */
function heldBack({ decision }: RoundResult): Report | null {
  if (decision.action.kind === 'resume') return null;
  return failed(notResumable(decision.details, decision.hint));
}

async function finish(session: Session, found: Found): Promise<ResolveReport | Report> {
  const held = heldBack(found.observed);
  if (held !== null) return held;
  const { operation, judged } = found;
  switch (judged.kind) {
    case 'wait':
      return checked(
        false,
        `the operation ${operation.id} cannot be finished: ${judged.why}`,
        `bring ${operation.new_master ?? 'that server'} back; or give it up with \`handyrep resolve --abandon\``,
        fields(session, 'nothing', operation, judged),
      );
    case 'roll_back':
    case 'take_back':
      return rollBack(session, operation, judged, judged);
    case 'forward': {
      const done = await execute(actorOf(session), judged.operation, null);
      await refresh(session);
      await publishState(session, true);
      const unfinished = done.result === 'UNFINISHED';
      const did = unfinished ? 'nothing' : done.result === 'ROLLED BACK' ? 'rolled_back' : 'finished';
      const hint = unfinished ? 'see it again with `handyrep resolve`' : null;
      return checked(done.result === 'SUCCESS', done.details, hint, fields(session, did, done.operation, judged));
    }
  }
}

async function rollBack(
  session: Session,
  operation: Operation,
  judged: Resumption,
  undo: Parameters<typeof rollBackOperation>[2],
): Promise<ResolveReport | Report> {
  const undone = await rollBackOperation(session, operation, undo);
  if (!undone.ok) return failed(undone.error);
  await lookAgain(session);
  return success(undone.value, fields(session, 'rolled_back', operation, judged));
}

async function abandon(session: Session, found: Found, yes: boolean): Promise<ResolveReport | Report> {
  const { operation, judged, observed } = found;
  const abandonment = judgeAbandonment(operation, judged);
  if (!abandonment.ok) return failed(abandonment.error);
  // Giving up needs no server, and is the way out when nothing answers; undoing needs those that it undoes.
  const touches = abandonment.value.kind === 'roll_back' || observed.decision.diagnosis.kind === 'not_active';
  const held = touches ? heldBack(observed) : null;
  if (held !== null) return held;
  const question = abandonQuestion(operation, abandonment.value);
  if (question !== null && !yes) {
    return failed(fail('needs_confirmation', question, { hint: 'say --yes to do it all the same' }).error);
  }
  if (abandonment.value.kind === 'roll_back') return rollBack(session, operation, judged, abandonment.value);
  const done = await abandonOperation(session, operation, abandonment.value, observed.situation);
  if (!done.ok) return failed(done.error);
  await lookAgain(session);
  const hint = 'decide anew with `handyrep failover-check`';
  return checked(true, done.value, hint, fields(session, 'abandoned', operation, judged));
}
