import { CLOSER_LOOK_MS } from '../core/limits.js';
import { decide } from '../core/decide.js';
import type { Decision } from '../core/decision.js';
import type { ServerDef } from '../core/model.js';
import type { CloserLook, ServerObservation } from '../core/observation.js';
import { describeFailure } from '../core/outcome.js';
import {
  type OnDemand,
  type Situation,
  acceptsWrites,
  canMeanDown,
  enabledReplicas,
  recordedMaster,
} from '../core/situation.js';
import { doubtsWrites } from '../core/write-doubt.js';
import { lookCloser, readHistory } from '../observe/closer.js';
import { lookAtServer, lookAtServers } from '../observe/servers.js';
import { lookAtWrite } from '../observe/write.js';
import { pause } from '../io/wait.js';
import { type Session, factLook, lightLook, watched } from './session.js';

/** What one round of looking came to. */
export interface RoundResult {
  readonly situation: Situation;
  readonly decision: Decision;
}

export interface RoundOptions {
  /** False: a poll or verify, which reports what it saw at once and asks nobody else. */
  readonly persistent: boolean;
  /** Ask by SQL login, whatever the poll method: a verify. */
  readonly thorough: boolean;
  /** False: nothing is changed anywhere, so that no write is tried; one that hangs already is seen all the same. */
  readonly may_write: boolean;
  readonly on_demand: OnDemand | null;
  /** Why an earlier attempt of this run to start the master failed. */
  readonly restart_failed: string | null;
  /** Look at these servers only; empty or absent: at all that are watched. */
  readonly only?: readonly string[];
}

/**
 * Looks, decides, and looks closer for as long as the decision asks for it. The retries begin with the closer look and
 * run beside it: a crash that the closer look proves does not wait for them.
 */
export async function observeAndDecide(session: Session, options: RoundOptions): Promise<RoundResult> {
  const enough = new AbortController();
  let situation = await firstLook(session, options);
  let decision = decide(situation, session.plugins.select);
  let retries: Promise<Situation> | null = null;
  try {
    while (options.persistent && decision.action.kind === 'look' && !session.signal.aborted) {
      if (decision.action.what === 'closer_look') {
        if (situation.attempts.wanted > 1) retries = retryAndLookAgain(session, situation, enough.signal);
        situation = await closer(session, situation);
      } else {
        situation = await (retries ?? retryAndLookAgain(session, situation, enough.signal));
      }
      decision = decide(situation, session.plugins.select);
    }
  } finally {
    enough.abort();
  }
  return { situation, decision };
}

/**
 * Looks at everybody by SQL, and at every host, whatever is found: what a drill lays its faults over. `only`: these servers, the
 * disabled ones too.
 */
export async function observeEverything(session: Session, only: readonly string[] = []): Promise<Situation> {
  const options = { persistent: true, thorough: true, may_write: false, on_demand: null, restart_failed: null, only };
  return closer(session, await firstLook(session, options));
}

/** The first look at everybody; made again when the cluster table turns out to hold a newer state than ours. */
async function firstLook(session: Session, options: RoundOptions): Promise<Situation> {
  const [situation, newer] = await Promise.all([lookOnce(session, options), session.compareWithTable()]);
  return newer ? lookOnce(session, options) : situation;
}

async function lookOnce(session: Session, options: RoundOptions): Promise<Situation> {
  const { config } = session;
  const now = Date.now();
  const state = session.state.current();
  const { only = [] } = options;
  const wanted = watched(state, only);
  const [servers, manager, active] = await Promise.all([
    lookAtAll(session, wanted, options.thorough).then((seen) => withWrite(session, seen, options)),
    session.observeManager(),
    isActive(session),
  ]);
  const situation: Situation = {
    now,
    policy: config.failover,
    state,
    manager,
    active,
    servers,
    attempts: { made: 1, wanted: options.persistent ? config.failover.fail_retries + 1 : 1 },
    trouble_since: null,
    closer: null,
    history: null,
    restart_failed: options.restart_failed,
    on_demand: options.on_demand,
  };
  return stillSilent(situation) ? { ...situation, trouble_since: now } : situation;
}

/** A wedged disk answers reads: a verify has the master prove a write, and so does every look that is in doubt. */
async function withWrite(
  session: Session,
  servers: Situation['servers'],
  { thorough, may_write }: RoundOptions,
): Promise<Situation['servers']> {
  const state = session.state.current();
  const saved = state.servers[recordedMaster(state) ?? ''];
  const seen = saved === undefined ? undefined : servers[saved.def.name];
  if (saved === undefined || seen === undefined) return servers;
  if (!(thorough && acceptsWrites(seen)) && !doubtsWrites(saved.status, seen)) return servers;
  const write = await lookAtWrite(session.sql, saved.def, { may_write, signal: session.signal });
  return write === null ? servers : { ...servers, [saved.def.name]: { ...seen, write } };
}

/**
 * Whatever the poll method: a former master is asked for its role, since whether it takes writes is what matters; and while an
 * operation is unfinished everybody is, since what became of it cannot be told else.
 */
async function lookAtAll(
  session: Session,
  wanted: readonly ServerDef[],
  thorough: boolean,
): Promise<Situation['servers']> {
  const { former_masters, operation } = session.state.current();
  const former = new Set(former_masters.map(({ server }) => server));
  const asked = wanted.filter(({ name }) => thorough || operation !== null || former.has(name));
  const polled = wanted.filter((def) => !asked.includes(def));
  const [answers, more] = await Promise.all([
    lookAtServers(factLook(session), asked),
    lookAtServers(lightLook(session), polled),
  ]);
  return { ...answers, ...more };
}

/** A master check that fails leaves everything to others: not knowing that we are the active one, we do not act. */
async function isActive(session: Session): Promise<Situation['active']> {
  const answer = await session.plugins.master_check(session.plugin_context);
  if (answer.ok) return answer.value;
  return { active: false, detail: `master_check_method failed: ${describeFailure(answer.error)}` };
}

function stillSilent(situation: Situation): boolean {
  const master = recordedMaster(situation.state);
  const seen = master === null ? undefined : situation.servers[master];
  return seen !== undefined && canMeanDown(seen);
}

/**
 * Looks again `fail_retries` times, `fail_retry_interval` apart, without waiting for a look that has not ended; the last
 * one together with a fresh closer look, so that what is decided on is as new as can be.
 */
async function retryAndLookAgain(session: Session, first: Situation, enough: AbortSignal): Promise<Situation> {
  const { fail_retries, fail_retry_interval } = first.policy;
  const master = first.state.servers[recordedMaster(first.state) ?? '']?.def;
  if (master === undefined) return first;
  const light = lightLook(session);
  const answered = new AbortController();
  const over = AbortSignal.any([answered.signal, enough, session.signal]);
  const looks = Array.from({ length: fail_retries }, async (_, index): Promise<ServerObservation | null> => {
    await pause((index + 1) * fail_retry_interval, over);
    if (over.aborted) return null;
    const seen = await lookAtServer(light, master);
    if (!canMeanDown(seen)) answered.abort();
    return seen;
  });
  const again = pause(fail_retries * fail_retry_interval, over).then(() =>
    over.aborted ? first : closer(session, first),
  );
  const [seen, looked] = await Promise.all([Promise.all(looks), again]);
  const made = seen.filter((one) => one !== null);
  const latest = made.find((one) => !canMeanDown(one)) ?? made.at(-1) ?? first.servers[master.name];
  const servers = latest === undefined ? looked.servers : { ...looked.servers, [master.name]: latest };
  return { ...looked, now: Date.now(), servers, attempts: { ...first.attempts, made: first.attempts.wanted } };
}

async function closer(session: Session, situation: Situation): Promise<Situation> {
  const { state } = situation;
  const master = state.servers[recordedMaster(state) ?? '']?.def;
  if (master === undefined) return situation;
  const replicas = enabledReplicas(state).flatMap((name) => state.servers[name]?.def ?? []);
  const { ssh_timeout } = session.config.handyrep;
  const look: CloserLook = await lookCloser({
    light: factLook(session),
    hosts: session.hosts,
    master,
    replicas,
    timeout: ssh_timeout + CLOSER_LOOK_MS,
    signal: session.signal,
  });
  // Our clock may have jumped, and our disk filled, since the first look: what is acted on is judged by how we are now.
  const manager = await session.observeManager();
  const fresh = Object.fromEntries(look.witnesses.map(({ seen }) => [seen.server, seen]));
  const servers = { ...situation.servers, ...fresh };
  const history = await readHistory(session.sql, replicas, servers);
  return { ...situation, now: Date.now(), manager, servers, closer: look, history };
}
