import { describePostmaster, lookAtItsHost } from '../act/prove-service.js';
import type { ServerDef } from '../core/model.js';
import type { HostLook, ServerObservation } from '../core/observation.js';
import { type Failure, type Outcome, describeFailure, fail, ok } from '../core/outcome.js';
import { refuseStart, refuseStop, stopQuestion } from '../core/service-rules.js';
import { canMeanDown, describeReach, recordedMaster } from '../core/situation.js';
import { lookAtServers } from '../observe/servers.js';
import { type Report, failed, success } from '../report/report.js';
import { type ServerView, viewStatus } from '../report/status.js';
import type { Reach } from './open.js';
import { contradictions } from './memory.js';
import { ADOPT_HINT } from './refusals.js';
import { type ServiceCase, type ServiceCommand, carryOut } from './service-acts.js';
import { type Session, factLook, onlookerOf } from './session.js';
import { findServer, lookAgain, actUnderLock, unfinishedOperation } from './under-lock.js';

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

/** Starts, stops or restarts one server by its restart method, and believes what it sees afterwards. */
export function serviceCommand(reach: Reach, request: ServiceCommand): Promise<ServiceReport | Report> {
  const { action, server: name, lock_wait } = request;
  return actUnderLock(reach, { command: `${action} ${name}`, lock_wait }, async (session) => {
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

function refuseBySavedState(session: Session, { action, server, yes }: ServiceCommand): Failure | null {
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

function judge(session: Session, request: ServiceCommand, { def, host, seen }: Seen): Outcome<ServiceCase> {
  if (session.signal.aborted) return fail('aborted', 'interrupted while looking: nothing was changed');
  const state = session.state.current();
  const { name } = def;
  if (session.source === 'configuration') {
    const [first] = contradictions(state, seen);
    if (first !== undefined) {
      return fail('unsafe', `there is no saved state, and the configuration contradicts the live cluster: ${first}`, {
        hint: ADOPT_HINT,
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
  return ok({ session, request, def, role, pid });
}

async function act(one: ServiceCase): Promise<ServiceReport | Report> {
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
