import { withNewMaster, withReplica } from '../act/record.js';
import { type Adoption, type RecordChange, adoptQuestion, compareRecords, judgeAdoption } from '../core/adopt.js';
import { decide } from '../core/decide.js';
import type { HistoryEntry, SavedState } from '../core/model.js';
import { addHistory } from '../core/saved.js';
import type { Situation } from '../core/situation.js';
import { unknownStatus } from '../core/status.js';
import { type Report, failed, success } from '../report/report.js';
import { fateOf } from '../state/process-identity.js';
import { overridden } from './change-servers.js';
import { refresh } from './check.js';
import { POLL_FINDINGS, keep, publishState } from './keep.js';
import type { Reach } from './open.js';
import { handMade } from './recover.js';
import { interrupted, isUnproved } from './refusals.js';
import { observeEverything } from './round.js';
import type { Session } from './session.js';
import { actUnderLock } from './under-lock.js';

export interface AdoptOptions {
  /** The operator agrees to what is changed. */
  readonly yes?: boolean;
  /** The master that was agreed to: another one, found meanwhile, is refused. Absent: whoever it is. */
  readonly master?: string;
  /** Show what would change; change nothing anywhere. */
  readonly dry_run?: boolean;
}

/** Answer of `adopt`. */
export type AdoptReport = Report & {
  /** False: the record was right already, or nothing was done. */
  readonly changed: boolean;
  /** Who is the master of the live cluster; null: that cannot be told. */
  readonly master: string | null;
  /** What is on record of each server, before and after. */
  readonly changes: readonly RecordChange[];
  /** What was seen of each server. */
  readonly evidence: readonly string[];
};

type Adopting = Extract<Adoption, { kind: 'adopt' }>;

/** Takes the live cluster for the truth over what is recorded, where it says without doubt who its master is. */
export function adopt(reach: Reach, lock_wait: number, options: AdoptOptions): Promise<AdoptReport | Report> {
  const silent = options.dry_run === true;
  return actUnderLock(reach, { command: 'adopt', lock_wait, silent }, async (session) => {
    const undone = overridden(session);
    if (undone !== null) return failed(undone);
    const situation = await observeEverything(session, Object.keys(session.state.current().servers));
    if (session.signal.aborted) return interrupted();
    const adoption = judgeAdoption({ situation, under_way: underWay(situation.state) });
    const seen = { evidence: adoption.evidence.map((one) => one.text) };
    switch (adoption.kind) {
      case 'refused':
        return { ...failed(adoption.failure), changed: false, master: null, changes: [], ...seen };
      case 'agrees':
        return agree(session, situation, adoption, options);
      case 'adopt':
        return change(session, situation, adoption, options);
    }
  });
}

/** One whose run has died is not under way any more: the next check puts that on record. */
function underWay({ rebuilds }: SavedState): readonly string[] {
  return rebuilds.flatMap((one) => (one.broken === null && fateOf(one.owner) !== 'dead' ? [one.server] : []));
}

/** A state that was never saved here is saved now: the live cluster has confirmed it. */
async function agree(
  session: Session,
  situation: Situation,
  { master, evidence }: Extract<Adoption, { kind: 'agrees' }>,
  { dry_run }: AdoptOptions,
): Promise<AdoptReport | Report> {
  if (dry_run !== true && isUnproved(session)) {
    const kept = await keep(session, { situation, decision: decide(situation, session.plugins.select) }, POLL_FINDINGS);
    if (!kept.ok) return failed(kept.error);
    await publishState(session, true);
  }
  return success(`nothing to adopt: ${master} is the master, on record and in the live cluster`, {
    changed: false,
    master,
    changes: compareRecords(situation.state, situation.state),
    evidence: evidence.map((one) => one.text),
  });
}

async function change(
  session: Session,
  situation: Situation,
  adoption: Adopting,
  { yes, master, dry_run }: AdoptOptions,
): Promise<AdoptReport | Report> {
  const question = adoptQuestion(adoption);
  const fields = {
    changed: false,
    master: adoption.master,
    changes: compareRecords(situation.state, withAdopted(session, situation, adoption)),
    evidence: adoption.evidence.map((one) => one.text),
  };
  if (master !== undefined && master !== adoption.master) {
    const message = `${adoption.master} is the master of the live cluster now, not ${master}: nothing was changed`;
    return { ...failed({ code: 'unsafe', message, hint: 'look again with `handyrep adopt --dry-run`' }), ...fields };
  }
  if (dry_run === true) return success(`dry run, nothing was done: ${question}`, fields);
  if (yes !== true) {
    const hint = 'say --yes to do it, --dry-run to see what would change';
    return { ...failed({ code: 'needs_confirmation', message: question, hint }), ...fields };
  }
  session.evidence.record(session.command, situation, decide(situation, session.plugins.select));
  const saved = await session.state.save(() => recorded(session, situation, adoption));
  if (!saved.ok) return failed(saved.error);
  session.tell({ category: 'STATE', message: `adopted: ${question}`, server: adoption.master, alert: true });
  await refresh(session);
  await publishState(session, true);
  const { status, status_message } = session.state.current().cluster;
  const after = status === 'healthy' ? '' : `; the cluster is ${status}: ${status_message}`;
  return {
    ...success(`adopted: ${question}${after}`, { ...fields, changed: true }),
    hint: 'where the configuration gives them other roles, correct it: `handyrep config check` names the differences',
  };
}

/** What is looked at and what is changed are one state: the lock is held in between. */
function recorded(session: Session, situation: Situation, adoption: Adopting): SavedState {
  const state = withAdopted(session, situation, adoption);
  return { ...state, history: addHistory(state.history, entryOf(session, situation, adoption)) };
}

/** As after a promotion by hand; an old master that streams from the new one already is a replica, and owes nothing. */
function withAdopted(session: Session, situation: Situation, adoption: Adopting): SavedState {
  const { master: new_master, old_masters, replicas } = adoption;
  const { state, servers } = situation;
  const olds = old_masters.length === 0 ? [null] : old_masters;
  const changed = olds.reduce(
    (now, old_master) => withNewMaster(now, handMade(session, situation, { new_master, old_master })),
    state,
  );
  const whole = replicas.reduce((now, name) => asReplica(now, name), changed);
  const live = servers[new_master]?.facts?.system_identifier ?? null;
  return { ...whole, system_identifier: state.system_identifier ?? live };
}

/** It was no former master for a moment: nobody is told that it has recovered. */
function asReplica(state: SavedState, name: string): SavedState {
  const next = withReplica(state, name);
  const server = next.servers[name];
  if (server === undefined) return next;
  const status = unknownStatus('recorded as a replica, not checked yet');
  return { ...next, servers: { ...next.servers, [name]: { ...server, status } } };
}

function entryOf(session: Session, situation: Situation, adoption: Adopting): HistoryEntry {
  const begun = new Date(situation.now).toISOString();
  return {
    id: `adopt-${begun.replaceAll(/[-:.]/g, '')}-${session.run}`,
    kind: 'adopt',
    automatic: false,
    begun,
    ended: new Date().toISOString(),
    result: 'SUCCESS',
    details: adoptQuestion(adoption),
    old_master: adoption.old_masters[0] ?? null,
    new_master: adoption.master,
    evidence: adoption.evidence.map((one) => one.text),
    loss: null,
    steps: [],
  };
}
