import { describePostmaster, lookAtItsHost, proveStarted, proveStopped } from '../act/prove-service.js';
import { service } from '../act/start.js';
import type { Role, ServerDef } from '../core/model.js';
import type { HostLook, ServerObservation } from '../core/observation.js';
import { type Failure, type Outcome, describeFailure, fail, ok } from '../core/outcome.js';
import { refuseStart, refuseStop, stopQuestion, whatFollows } from '../core/service-rules.js';
import { canMeanDown, describeReach, recordedMaster } from '../core/situation.js';
import { waitFor } from '../io/wait.js';
import { lookAtServers } from '../observe/servers.js';
import type { StopMode } from '../plugin/contract.js';
import { type Report, failed, success } from '../report/report.js';
import { type ServerView, viewStatus } from '../report/status.js';
import type { Reach } from './open.js';
import { contradictions } from './memory.js';
import { type Session, actorOf, factLook, onlookerOf } from './session.js';
import { findServer, lookAgain, underLock, unfinishedOperation } from './under-lock.js';

export interface ServiceOptions {
  /** How it is stopped: `fast` ends sessions and writes a checkpoint, `immediate` leaves that to crash recovery. */
  readonly mode?: StopMode;
  /** The operator agrees that the master is stopped. */
  readonly yes?: boolean;
}

/** Answer of `start`, `stop` and `restart`. */
export type ServiceReport = Report & {
  readonly action: 'start' | 'stop' | 'restart';
  /** False: it was so already. */
  readonly changed: boolean;
  readonly pid_before: number | null;
  /** Its postmaster now; null: none runs. */
  readonly pid: number | null;
  /** As it is saved after a fresh look. */
  readonly server: ServerView | null;
};

interface Request extends ServiceOptions {
  readonly action: 'start' | 'stop' | 'restart';
  readonly server: string;
  readonly lock_wait: number;
}

/** What was seen before the act, and what there is to do. */
interface Case {
  readonly session: Session;
  readonly request: Request;
  readonly def: ServerDef;
  readonly role: Role;
  readonly host: LookedHost;
  readonly pid: number | null;
}

type LookedHost = Extract<HostLook, { readonly kind: 'looked' }>;

interface Done {
  readonly changed: boolean;
  readonly details: string;
}

/** Starts, stops or restarts one server by its restart method, and believes what it sees afterwards. */
export function serviceCommand(reach: Reach, request: Request): Promise<ServiceReport | Report> {
  const { action, server: name, lock_wait } = request;
  return underLock(reach, { command: `${action} ${name}`, lock_wait }, async (session) => {
    const server = findServer(session, name);
    if (!server.ok) return failed(server.error);
    const refusal = refuseBySavedState(session, request);
    if (refusal !== null) return failed(refusal);
    const { def } = server.value;
    const [host, seen] = await Promise.all([lookAtItsHost(onlookerOf(session), def), lookAtAll(session)]);
    const found = judge(session, request, { def, host, seen });
    if (!found.ok) return failed(found.error);
    return act(found.value);
  });
}

/** Not only the servers that are watched: a disabled one that takes writes matters here. */
function lookAtAll(session: Session): Promise<Readonly<Record<string, ServerObservation>>> {
  const all = Object.values(session.state.current().servers).map(({ def }) => def);
  return lookAtServers(factLook(session), all);
}

function refuseBySavedState(session: Session, { action, server, yes }: Request): Failure | null {
  const unfinished = unfinishedOperation(session);
  if (unfinished !== null) return unfinished;
  if (action === 'start') return null;
  const state = session.state.current();
  const refusal = refuseStop(state, server);
  if (refusal !== null) return refusal;
  const question = stopQuestion(state, session.config.failover, { server, action, now: Date.now() });
  if (question === null || yes === true) return null;
  return fail('needs_confirmation', question, { server, hint: 'say --yes to do it all the same' }).error;
}

interface Seen {
  readonly def: ServerDef;
  readonly host: HostLook;
  readonly seen: Readonly<Record<string, ServerObservation>>;
}

function judge(session: Session, request: Request, { def, host, seen }: Seen): Outcome<Case> {
  if (session.signal.aborted) return fail('aborted', 'interrupted while looking: nothing was changed');
  const state = session.state.current();
  const { name } = def;
  if (session.source === 'configuration') {
    const [first] = contradictions(state, seen);
    if (first !== undefined) {
      return fail('unsafe', `there is no saved state, and the configuration contradicts the live cluster: ${first}`, {
        hint: 'correct the roles in the configuration to what is live, then run `handyrep verify`',
      });
    }
  }
  if (host.kind === 'no_answer' || host.postmaster.kind === 'unknown') {
    return fail('ssh_connect', `${name}: ${describePostmaster(host)}`, {
      server: name,
      hint: 'it is started and stopped by commands there: mend ssh, sudo or pgdata first',
    });
  }
  const pid = host.postmaster.kind === 'running' ? host.postmaster.pid : null;
  const own = seen[name];
  if (pid === null && own !== undefined && !canMeanDown(own) && own.reach.kind !== 'unresolved') {
    return fail('unsafe', `no postmaster of ${def.pgdata} runs on ${def.hostname}, and ${describeReach(own)}`, {
      server: name,
      hint: `another PostgreSQL answers there, or pgdata is wrong: see \`handyrep server show ${name}\``,
    });
  }
  const mayStart = request.action === 'restart' || (request.action === 'start' && pid === null);
  const refusal = mayStart ? refuseStart({ state, server: name, host, seen }) : null;
  if (refusal !== null) return { ok: false, error: refusal };
  const role = recordedMaster(state) === name ? 'master' : 'replica';
  return ok({ session, request, def, role, host, pid });
}

async function act(one: Case): Promise<ServiceReport | Report> {
  const { session, request, def, pid } = one;
  const began = performance.now();
  const done = await carryOut(one);
  const message = done.ok ? done.value.details : describeFailure(done.error);
  const ms = Math.round(performance.now() - began);
  session.tell({ category: 'SERVICE', message, server: def.name, iserror: !done.ok, ms });
  await lookAgain(session);
  if (!done.ok) return failed(done.error);
  const after = await lookAtItsHost(onlookerOf(session), def);
  const now = after.kind === 'looked' && after.postmaster.kind === 'running' ? after.postmaster.pid : null;
  const view = viewStatus(session.state.current(), session.config.failover, Date.now());
  return success(message, {
    action: request.action,
    changed: done.value.changed,
    pid_before: pid,
    pid: now,
    server: view.servers.find((server) => server.name === def.name) ?? null,
  });
}

function carryOut(one: Case): Promise<Outcome<Done>> {
  switch (one.request.action) {
    case 'start':
      return start(one);
    case 'stop':
      return stop(one);
    case 'restart':
      return one.pid === null ? start(one) : restart(one);
  }
}

/** A killed postmaster that init has not collected yet keeps a new one from starting for so long, milliseconds. */
const START_AGAIN_MS = 10_000;
const START_EVERY_MS = 500;

async function start(one: Case): Promise<Outcome<Done>> {
  const { def, pid } = one;
  if (pid === null) {
    const started = await startByMethod(one);
    if (!started.ok) return started;
  }
  const proved = await proveUp(one);
  if (!proved.ok) return proved;
  const details =
    pid === null ? `${def.name} was started: ${proved.value}` : `${def.name} runs already: ${proved.value}`;
  return ok({ changed: pid === null, details });
}

/** The method may give up on a server that recovers for long: as long as its postmaster runs, it is started. */
async function startByMethod({ session, def }: Case): Promise<Outcome<string>> {
  const actor = actorOf(session);
  let last = await service(actor, def, 'start');
  const runs = async (): Promise<boolean> => {
    if (last.ok || (await isRunning(session, def))) return true;
    if (!session.signal.aborted) last = await service(actor, def, 'start');
    return last.ok;
  };
  const up = await waitFor(runs, { deadline: START_AGAIN_MS, every: START_EVERY_MS, signal: session.signal });
  return up ? ok(def.name) : last;
}

async function isRunning(session: Session, def: ServerDef): Promise<boolean> {
  const look = await lookAtItsHost(onlookerOf(session), def);
  return look.kind === 'looked' && look.postmaster.kind === 'running';
}

/** Its role is what was asked for; whether a replica streams as well is told, so that nobody takes one for the other. */
async function proveUp({ session, def, role }: Case): Promise<Outcome<string>> {
  const proved = await proveStarted(onlookerOf(session), def, role);
  if (!proved.ok) return proved;
  const streams = await awaitStreams(session, role === 'replica' ? [def] : streamedBefore(session));
  if (role === 'master') return proved;
  return ok(streams ? `${proved.value}, and streams` : `${proved.value}; it does not stream yet`);
}

/** Replicas that a master has after its restart as it had them before. */
function streamedBefore(session: Session): readonly ServerDef[] {
  const { servers } = session.state.current();
  return Object.values(servers).flatMap(({ def, calm }) => (def.enabled && calm?.streaming === true ? [def] : []));
}

/**
 * A WAL receiver tries again every five seconds (wal_retrieve_retry_interval). The look that follows is kept until the next
 * verify, so it is not taken while they are on their way; milliseconds.
 */
const STREAM_MS = 6000;

async function awaitStreams(session: Session, replicas: readonly ServerDef[]): Promise<boolean> {
  const looker = onlookerOf(session);
  const all = async (): Promise<boolean> => (await Promise.all(replicas.map((one) => looker.look(one)))).every(isBack);
  return waitFor(all, { deadline: STREAM_MS, every: 100, signal: session.signal });
}

/** One that is down does not come back by itself, and is not waited for; the one that was started is up. */
function isBack({ reach, facts }: ServerObservation): boolean {
  if (reach.kind !== 'accepting') return true;
  return facts?.receiver?.kind === 'running' && facts.receiver.status === 'streaming';
}

async function stop({ session, request, def, role, pid }: Case): Promise<Outcome<Done>> {
  if (pid === null)
    return ok({ changed: false, details: `${def.name} is stopped already: no postmaster of its data directory runs` });
  const stopped = await service(actorOf(session), def, 'stop', { mode: request.mode ?? 'fast' });
  // Where the method failed it is looked at once more: it may have ended meanwhile.
  const left = stopped.ok ? null : await lookAtItsHost(onlookerOf(session), def);
  if (!stopped.ok && left !== null && !isGone(left)) return notStopped(stopped.error, left, request);
  const proved = await proveStopped(onlookerOf(session), def);
  if (!proved.ok) return proved;
  const next =
    role === 'master' ? `; ${whatFollows(session.state.current(), session.config.failover, Date.now())}` : '';
  return ok({
    changed: true,
    details: `${def.name} was stopped (${request.mode ?? 'fast'}): no process of its data directory is left${next}`,
  });
}

function isGone(look: HostLook): boolean {
  return look.kind === 'looked' && look.postmaster.kind === 'not_running';
}

function notStopped(error: Failure, left: HostLook, { server, mode }: Request): Outcome<never> {
  const again = `try \`handyrep stop ${server} --mode immediate\``;
  const hint = mode === 'immediate' ? `look at its processes on its host` : again;
  return { ok: false, error: { ...error, message: `${error.message}; ${describePostmaster(left)}`, hint } };
}

async function restart(one: Case): Promise<Outcome<Done>> {
  const { session, request, def, pid } = one;
  const restarted = await service(actorOf(session), def, 'restart', { mode: request.mode ?? 'fast' });
  const after = await lookAtItsHost(onlookerOf(session), def);
  const now = after.kind === 'looked' && after.postmaster.kind === 'running' ? after.postmaster.pid : null;
  if (now === null || now === pid) {
    if (!restarted.ok) return restarted;
    return fail('step_failed', `${def.name} was not restarted: ${describePostmaster(after)}`, {
      server: def.name,
      hint: `look at the log of ${def.name}; start it with \`handyrep start ${def.name}\``,
    });
  }
  const proved = await proveUp(one);
  return proved.ok ? ok({ changed: true, details: `${def.name} was restarted: ${proved.value}` }) : proved;
}
