import { RECEIVER_RETRY_MS, START_AGAIN_MS } from '../core/limits.js';
import { describePostmaster, lookAtItsHost, proveStarted, proveStopped } from '../act/prove-service.js';
import { service } from '../act/start.js';
import type { Role, ServerDef } from '../core/model.js';
import type { HostLook, ServerObservation } from '../core/observation.js';
import { type Failure, type Outcome, fail, ok } from '../core/outcome.js';
import { whatFollows } from '../core/service-rules.js';
import { waitFor } from '../io/wait.js';
import type { StopMode } from '../plugin/contract.js';
import { type Session, actorOf, onlookerOf } from './session.js';

export interface ServiceOptions {
  /** How it is stopped: `fast` ends sessions and writes a checkpoint, `immediate` leaves that to crash recovery. */
  readonly mode?: StopMode;
  /** The operator agrees that the master is stopped. */
  readonly yes?: boolean;
}

export interface ServiceCommand extends ServiceOptions {
  readonly action: 'start' | 'stop' | 'restart';
  readonly server: string;
  readonly lock_wait: number;
}

/** What was seen before the act, and what there is to do. */
export interface ServiceCase {
  readonly session: Session;
  readonly request: ServiceCommand;
  readonly def: ServerDef;
  readonly role: Role;
  readonly pid: number | null;
}

export interface ServiceDone {
  readonly changed: boolean;
  readonly details: string;
}

/** Does what was judged to be safe, and proves its end state. */
export function carryOut(one: ServiceCase): Promise<Outcome<ServiceDone>> {
  switch (one.request.action) {
    case 'start':
      return start(one);
    case 'stop':
      return stop(one);
    case 'restart':
      return one.pid === null ? start(one) : restart(one);
  }
}

const START_EVERY_MS = 500;

async function start(one: ServiceCase): Promise<Outcome<ServiceDone>> {
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
async function startByMethod({ session, def }: ServiceCase): Promise<Outcome<string>> {
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
async function proveUp({ session, def, role }: ServiceCase): Promise<Outcome<string>> {
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

/** The look that follows is kept until the next verify, so it is not taken while they are on their way. */
async function awaitStreams(session: Session, replicas: readonly ServerDef[]): Promise<boolean> {
  const looker = onlookerOf(session);
  const all = async (): Promise<boolean> => (await Promise.all(replicas.map((one) => looker.look(one)))).every(isBack);
  return waitFor(all, { deadline: RECEIVER_RETRY_MS, every: 100, signal: session.signal });
}

/** One that is down does not come back by itself, and is not waited for; the one that was started is up. */
function isBack({ reach, facts }: ServerObservation): boolean {
  if (reach.kind !== 'accepting') return true;
  return facts?.receiver?.kind === 'running' && facts.receiver.status === 'streaming';
}

async function stop({ session, request, def, role, pid }: ServiceCase): Promise<Outcome<ServiceDone>> {
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

function notStopped(error: Failure, left: HostLook, { server, mode }: ServiceCommand): Outcome<never> {
  const again = `try \`handyrep stop ${server} --mode immediate\``;
  const hint = mode === 'immediate' ? `look at its processes on its host` : again;
  return { ok: false, error: { ...error, message: `${error.message}; ${describePostmaster(left)}`, hint } };
}

async function restart(one: ServiceCase): Promise<Outcome<ServiceDone>> {
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
