import { MOST_ATTEMPTS } from '../core/auto-rejoin.js';
import { REJOIN_LOCK_MS } from '../core/limits.js';
import type { Tools } from '../act/actor.js';
import { type KeptWal, describeKept } from '../act/diverged.js';
import { withReplica } from '../act/record.js';
import { type RejoinJob, type Rejoined, leaveStopped, readMark, rejoinServer } from '../act/rejoin.js';
import { follows } from '../act/remaster.js';
import { dropSlot } from '../act/slots.js';
import type { Rebuild, SavedState, ServerDef } from '../core/model.js';
import { type Failure, type Outcome, describeFailure, fail, ok } from '../core/outcome.js';
import { recordedMaster } from '../core/situation.js';
import { slotName } from '../core/slot.js';
import { managerSickness } from '../core/suspicion.js';
import { unknownServer } from '../core/unknown-server.js';
import { lookAtHost } from '../observe/host.js';
import type { CopyProgress } from '../plugin/contract.js';
import { type Report, failed, success } from '../report/report.js';
import { publishState } from './keep.js';
import { underLock, unlockedTools } from './locked.js';
import type { Reach } from './open.js';
import { type RebuildEnd, beginRebuild, endRebuild, whyNotNow } from './rebuild.js';
import { contradictionReport, reasonOf } from './refusals.js';
import { observeAndDecide } from './round.js';
import { type Session, actorOf } from './session.js';

export type { KeptWal } from '../act/diverged.js';

export interface RejoinOptions {
  /** Where pg_rewind cannot work, or a former one broke it off, copy everything anew. */
  readonly reclone?: boolean;
  /** How far a long copy is. */
  readonly progress?: (seen: CopyProgress) => void;
}

/** Answer of `rejoin`. */
export type RejoinReport = Report & {
  readonly server: string;
  readonly master: string | null;
  /** Whether it held WAL that the master does not have; null where that was not or could not be told. */
  readonly diverged: boolean | null;
  /** That WAL, kept beside its data directory. */
  readonly kept: KeptWal | null;
};

/** How an attempt ended. `passing`: refused for what may be over at the next attempt. */
export interface Attempt {
  readonly report: RejoinReport;
  readonly passing: boolean;
}

/** Makes a former master, or a replica that fell out, a replica of the master again. */
export async function rejoin(
  reach: Reach,
  lock_wait: number,
  name: string,
  options: RejoinOptions,
): Promise<RejoinReport> {
  return (await attempt(reach, lock_wait, name, options, false)).report;
}

/** What beginning it came to. */
type Begun =
  | { readonly kind: 'streams'; readonly details: string; readonly master: string }
  | {
      readonly kind: 'begun';
      readonly rebuild: Rebuild;
      readonly target: ServerDef;
      readonly master: ServerDef;
      readonly state: SavedState;
    }
  | { readonly kind: 'refused'; readonly error: Failure; readonly passing: boolean };

/** One attempt, by an operator or by `auto_rejoin`: the lock is held to begin and to end, not in between. */
export async function attempt(
  reach: Reach,
  lock_wait: number,
  name: string,
  options: RejoinOptions,
  automatic: boolean,
): Promise<Attempt> {
  const command = `rejoin ${name}`;
  const begun = await underLock(reach, { command, lock_wait }, async (session) => {
    const done = await begin(session, name, options, automatic);
    if (done.kind === 'refused' && automatic && !done.passing) await countFailure(session, name, done.error);
    return ok(done);
  });
  if (!begun.ok) return { report: refusal(name, begun.error), passing: true };
  switch (begun.value.kind) {
    case 'refused':
      return { report: refusal(name, begun.value.error), passing: begun.value.passing };
    case 'streams': {
      const { details, master } = begun.value;
      return { report: success(details, { server: name, master, diverged: false, kept: null }), passing: false };
    }
    case 'begun':
      return { report: await work(reach, begun.value, options, automatic), passing: false };
  }
}

function refusal(server: string, error: Failure): RejoinReport {
  return { ...failed(error), server, master: null, diverged: null, kept: null };
}

async function begin(session: Session, name: string, options: RejoinOptions, automatic: boolean): Promise<Begun> {
  const refuse = (error: Failure, passing = false): Begun => ({
    kind: 'refused',
    error: reasonOf(session, error),
    passing: passing || session.signal.aborted,
  });
  const known = session.state.current().servers;
  if (known[name] === undefined) {
    return refuse(unknownServer(name, Object.keys(known)));
  }
  const observed = await observeAndDecide(session, {
    persistent: false,
    thorough: true,
    may_write: true,
    on_demand: null,
    restart_failed: null,
  });
  const contradiction = contradictionReport(session, observed);
  const { decision } = observed;
  if (contradiction === null) session.evidence.record(session.command, observed.situation, decision);
  const state = session.state.current();
  const target = state.servers[name]?.def;
  const master = state.servers[recordedMaster(state) ?? '']?.def;
  if (target === undefined || master === undefined) {
    return refuse(unsafe(name, 'no master is recorded to follow', 'run `handyrep verify`'), true);
  }
  if (target.name === master.name) {
    return refuse(unsafe(name, `${name} is the master`, 'name a former master, or a replica that fell out'));
  }
  if (contradiction !== null || decision.diagnosis.kind !== 'master_healthy') {
    const why = contradiction?.details ?? decision.details;
    return refuse(
      unsafe(
        name,
        `${name} is not touched while the master is not well: ${why}`,
        decision.hint ?? 'run `handyrep failover-check`',
      ),
      true,
    );
  }
  // Rule 0: an operator vouches for this host, nobody else does.
  const [sick] = automatic ? managerSickness(observed.situation) : [];
  if (sick !== undefined) return refuse(unsafe(name, sick.text, 'the next round decides anew'), true);
  const free = whyNotNow(state, name);
  if (!free.ok) return refuse(free.error, true);
  const unfit = await whyNot(session, target, master, options);
  if (unfit === 'streams') return enable(session, target, master);
  if (unfit !== null) return refuse(unfit.error, unfit.passing);
  const { rejoin_method: method } = session.config.failover;
  const rebuild = await beginRebuild(session, { server: name, kind: 'rejoin', method, source: master.name });
  if (!rebuild.ok) return refuse(rebuild.error, true);
  return { kind: 'begun', rebuild: rebuild.value, target, master, state: session.state.current() };
}

function unsafe(server: string, message: string, hint: string): Failure {
  return { code: 'unsafe', message, hint, server };
}

interface Unfit {
  readonly error: Failure;
  readonly passing: boolean;
}

/** A fresh look at the server, by SQL and by its host: what forbids to take it in hand. */
async function whyNot(
  session: Session,
  target: ServerDef,
  master: ServerDef,
  { reclone: anew = false }: RejoinOptions,
): Promise<Unfit | 'streams' | null> {
  const { name, pgdata, hostname } = target;
  const actor = actorOf(session);
  const { ssh_timeout, connect_timeout } = session.config.handyrep;
  const state = session.state.current();
  const [seen, host] = await Promise.all([
    actor.look(target),
    lookAtHost(session.hosts, target, { timeout: ssh_timeout + connect_timeout, signal: session.signal }),
  ]);
  const no = (message: string, hint: string, passing = false): Unfit => ({
    error: unsafe(name, message, hint),
    passing,
  });
  if (follows(seen.facts, master)) return 'streams';
  const writable = `stop it first: a former master is stopped by \`handyrep failover-check\`, any other by \`handyrep stop ${name}\``;
  if (seen.facts !== null && !seen.facts.in_recovery) return no(`${name} accepts writes`, writable);
  if (host.kind === 'no_answer') {
    return no(`${name}: its host cannot be asked: ${host.detail}`, `bring ${hostname} back, or mend ssh to it`, true);
  }
  const clone = `build it anew: \`handyrep clone ${name}\``;
  if (host.postmaster.kind === 'unknown') return no(`${name}: ${host.detail}`, clone);
  if (host.control === null) return no(`${name}: ${pgdata} has no readable global/pg_control`, clone);
  if (state.system_identifier !== null && host.control.system_identifier !== state.system_identifier) {
    return no(
      `${name}: ${pgdata} belongs to another cluster (system identifier ${host.control.system_identifier}, ours is ${state.system_identifier})`,
      'correct pgdata; nothing of another cluster is touched',
    );
  }
  // Whatever answers on its port: what runs in this data directory is no replica.
  if (host.postmaster.kind === 'running' && host.control.state === 'in production') {
    return no(`${name}: what runs in ${pgdata} is a master`, writable);
  }
  const marked = await readMark(actor, target);
  if (!marked.ok) return { error: marked.error, passing: true };
  const left = state.rebuilds.find((one) => one.server === name);
  const half = marked.value.mark === 'begun' || (left?.kind === 'clone' && marked.value.mark !== 'whole');
  if (half && !anew) {
    const what =
      left?.kind === 'clone'
        ? 'a clone of it was broken off'
        : 'it was broken off while its data directory was overwritten';
    return no(
      `${name}: ${what}: ${pgdata} is no good and must not be started`,
      `copy it anew: \`handyrep clone ${name} --reclone\` (if you have made the directory anew by hand, remove ${marked.value.file})`,
    );
  }
  return null;
}

/** It needs no more than to take part again. */
async function enable(session: Session, target: ServerDef, master: ServerDef): Promise<Begun> {
  const { name } = target;
  const state = session.state.current();
  const part = target.enabled && !state.former_masters.some((one) => one.server === name);
  const details = `${name} streams from ${master.name} already: ${part ? 'there is nothing to do' : 'it is enabled'}`;
  if (!part || state.rebuilds.some((one) => one.server === name)) {
    const saved = await session.state.save((one) => withReplica(one, name));
    if (!saved.ok) return { kind: 'refused', error: saved.error, passing: true };
    session.tell({ category: 'REJOIN', message: details, server: name, alert: true });
    await publishState(session, true);
  }
  return { kind: 'streams', details, master: master.name };
}

async function work(
  reach: Reach,
  begun: Extract<Begun, { kind: 'begun' }>,
  options: RejoinOptions,
  automatic: boolean,
): Promise<RejoinReport> {
  const { rebuild, target, master, state } = begun;
  const evidence: string[] = [];
  const tools = await unlockedTools(reach, state);
  // What ends it must not be ended by ctrl-C.
  const calm: Reach = { ...reach, signal: new AbortController().signal };
  const after = await unlockedTools(calm, state);
  const copy = { wanted: false };
  const job: RejoinJob = {
    target,
    master,
    method: rebuild.method,
    may_reclone: options.reclone === true,
    // A clone takes the lock, and its place on record, for itself: it comes when this rejoin has given both back.
    reclone: () => {
      copy.wanted = true;
      const message = `${target.name}: everything is copied anew`;
      return Promise.resolve(fail('step_failed', message, { server: target.name }));
    },
    progress: (seen) => options.progress?.(seen),
    note: (text) => {
      evidence.push(text);
      reach.tell({ category: 'REJOIN', message: text, server: target.name });
      options.progress?.({ server: target.name, phase: text, bytes: 0, total: null });
    },
  };
  const done: Rejoined = tools.ok
    ? await rejoinServer(tools.value, job)
    : { outcome: tools, diverged: null, kept: null };
  const end = await judgeEnd(after, begun, done, reach.signal.aborted);
  const ended = await underLock(
    calm,
    { command: `rejoin ${target.name}`, lock_wait: REJOIN_LOCK_MS },
    async (session) => {
      const told = await endRebuild(session, rebuild, end, { automatic, evidence });
      if (!told.ok && automatic && !copy.wanted && !reach.signal.aborted)
        await countFailure(session, target.name, told.error);
      return told;
    },
  );
  const fields = { server: target.name, master: master.name, diverged: done.diverged, kept: done.kept };
  const kept = done.kept === null ? '' : `; ${describeKept(done.kept)}`;
  if (copy.wanted && !reach.signal.aborted) return copyAnew(reach, options, automatic, { ...fields, words: kept });
  if (!ended.ok) return { ...failed(ended.error), ...fields };
  return success(`${ended.value}${kept}`, fields);
}

type Copied = Pick<RejoinReport, 'server' | 'master' | 'diverged' | 'kept'> & { readonly words: string };

/** Where a rewind cannot work and a copy is allowed: the server's clone_method builds it anew. */
async function copyAnew(
  reach: Reach,
  options: RejoinOptions,
  automatic: boolean,
  { words, ...fields }: Copied,
): Promise<RejoinReport> {
  const { clone } = await import('./clone.js');
  const { progress } = options;
  const more = { reclone: true, ...(progress === undefined ? {} : { progress }) };
  const { result, details, exit_code, hint } = await clone(reach, REJOIN_LOCK_MS, [fields.server], more);
  const error = fail('step_failed', details, { server: fields.server, hint }).error;
  if (result === 'FAIL' && automatic && !reach.signal.aborted) {
    const lock = { command: `rejoin ${fields.server}`, lock_wait: REJOIN_LOCK_MS };
    await underLock(reach, lock, async (session) => {
      await countFailure(session, fields.server, error);
      return ok(undefined);
    });
  }
  return { result, details: `${details}${words}`, exit_code, ...(hint === undefined ? {} : { hint }), ...fields };
}

/** A failed one is left stopped; its data directory is good unless it was being overwritten. */
async function judgeEnd(
  tools: Outcome<Tools>,
  { target, master, state }: Extract<Begun, { kind: 'begun' }>,
  { outcome, kept }: Rejoined,
  interrupted: boolean,
): Promise<RebuildEnd> {
  if (outcome.ok) return { kind: 'done', details: outcome.value };
  const why = [interrupted ? 'it was interrupted' : describeFailure(outcome.error)];
  if (kept !== null) why.push(describeKept(kept));
  if (!tools.ok) return { kind: 'broken', why: why.join('; ') };
  const stopped = await leaveStopped(tools.value, target);
  if (stopped !== null) why.push(`it may not be stopped: ${stopped}`);
  if (state.former_masters.some((one) => one.server === target.name)) {
    // Else it would keep WAL on the master for nobody.
    const dropped = await dropSlot(tools.value.sql, master, slotName(target.name));
    if (!dropped.ok) why.push(`its slot on ${master.name} stays: ${describeFailure(dropped.error)}`);
  }
  const marked = await readMark(tools.value, target);
  const good = marked.ok && marked.value.mark !== 'begun';
  return { kind: good ? 'untouched' : 'broken', why: why.join('; ') };
}

/** Counts a failed attempt of `auto_rejoin`; the last one says, once, that a person is needed. */
async function countFailure(session: Session, name: string, error: Failure): Promise<void> {
  const count = 1 + (session.state.current().former_masters.find((one) => one.server === name)?.rejoin_failures ?? 0);
  const saved = await session.state.save((state) => ({
    ...state,
    former_masters: state.former_masters.map((one) => (one.server === name ? { ...one, rejoin_failures: count } : one)),
  }));
  const last = count >= MOST_ATTEMPTS;
  const next = last ? `a person is needed: \`handyrep rejoin ${name}\`` : 'it is tried again';
  const told = saved.ok ? '' : `; ${describeFailure(saved.error)}`;
  const message = `auto_rejoin of ${name} failed (attempt ${count} of ${MOST_ATTEMPTS}), ${next}: ${describeFailure(error)}${told}`;
  session.tell({ category: 'REJOIN', message, server: name, iserror: true, alert: last });
}
