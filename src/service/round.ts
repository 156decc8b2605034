import { decide } from '../core/decide.js';
import type { Decision } from '../core/decision.js';
import type { ServerDef } from '../core/model.js';
import type { Moment } from '../core/moment.js';
import type { Heartbeat, ServerObservation } from '../core/observation.js';
import { describeFailure } from '../core/outcome.js';
import { type OnDemand, type Situation, acceptsWrites, canMeanDown, recordedMaster } from '../core/situation.js';
import { doubtsWrites } from '../core/write-doubt.js';
import { lookAtServer } from '../observe/servers.js';
import type { Vigil } from '../observe/vigil.js';
import { lookAtWrite } from '../observe/write.js';
import { type Doubt, type Sign, createDoubt } from './doubt.js';
import { type Moments, createMoments } from './moments.js';
import { type Session, factLook, lightLook, watched } from './session.js';

/** A situation, and what was decided from it. */
export interface Decided {
  readonly situation: Situation;
  readonly decision: Decision;
  /** What was asked for it, and how long that took. */
  readonly moments?: readonly Moment[];
}

/** What one round of looking came to. */
export interface RoundResult extends Decided {
  readonly moments: readonly Moment[];
  /** Who keeps asking a master whose host is silent too; whoever acts on the decision ends it. */
  readonly vigil: Vigil | null;
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
  /** What made this round begin at once; absent: it was due. */
  readonly sign?: Sign | null;
  /** The last that a session held on the master told; absent: none is held. */
  readonly heartbeat?: () => Heartbeat | null;
  /** Called when the master did not answer: from then on nothing of this round is given up. */
  readonly silent?: () => void;
}

/**
 * Looks, decides, and looks closer for as long as the decision asks for it. What it may ask for is begun beside the first look,
 * where that is late or fails; see {@link Doubt}.
 */
export async function observeAndDecide(session: Session, options: RoundOptions): Promise<RoundResult> {
  const moments = createMoments();
  const { sign = null } = options;
  if (sign !== null) moments.point(sign.what, sign.at);
  const { situation: first, doubt } = await firstLook(session, options, moments);
  let situation = first;
  let decision = decide(situation, session.plugins.select);
  try {
    while (doubt !== null && decision.action.kind === 'look' && !session.signal.aborted) {
      situation =
        decision.action.what === 'closer_look' ? await doubt.closer(situation) : await doubt.retried(situation);
      decision = decide(situation, session.plugins.select);
    }
    moments.point('decision', Date.now());
    const vigil = doubt?.takeVigil() ?? null;
    return { situation, decision, moments: moments.all(), vigil };
  } finally {
    doubt?.end();
  }
}

/**
 * Looks at everybody by SQL, and at every host, whatever is found: what a drill lays its faults over. `only`: these servers, the
 * disabled ones too.
 */
export async function observeEverything(session: Session, only: readonly string[] = []): Promise<Situation> {
  const options = { persistent: false, thorough: true, may_write: false, on_demand: null, restart_failed: null, only };
  const moments = createMoments();
  const { situation } = await firstLook(session, options, moments);
  const doubt = createDoubt(session, null, moments);
  if (doubt === null) return situation;
  try {
    return await doubt.closer({
      ...situation,
      attempts: { made: 1, wanted: session.config.failover.fail_retries + 1 },
    });
  } finally {
    doubt.end();
  }
}

interface FirstLook {
  readonly situation: Situation;
  /** Null: none is allowed, or nobody is recorded as master. */
  readonly doubt: Doubt | null;
}

/** The first look at everybody; made again when the cluster table turns out to hold a newer state than ours. */
async function firstLook(session: Session, options: RoundOptions, moments: Moments): Promise<FirstLook> {
  const [seen, newer] = await Promise.all([lookOnce(session, options, moments), session.compareWithTable()]);
  if (!newer) return seen;
  seen.doubt?.end();
  return lookOnce(session, options, moments);
}

async function lookOnce(session: Session, options: RoundOptions, moments: Moments): Promise<FirstLook> {
  const { config } = session;
  const now = Date.now();
  const state = session.state.current();
  const { only = [], sign = null } = options;
  const wanted = watched(state, only);
  const doubt = options.persistent ? createDoubt(session, sign, moments) : null;
  const ended = moments.begin('first look');
  const looks = lookAtAll(session, wanted, options.thorough, (first, again) => {
    const seen = doubt?.follow(first, again) ?? first;
    void seen.then((one) => {
      if (canMeanDown(one)) options.silent?.();
    });
    return seen;
  });
  const [servers, manager, active] = await Promise.all([
    Promise.all(looks)
      .then((seen) => Object.fromEntries(seen.map((one) => [one.server, one])))
      .then((seen) => withWrite(session, seen, options)),
    session.observeManager(),
    isActive(session),
  ]);
  ended();
  const heartbeat = options.heartbeat?.() ?? null;
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
    history_held_by: [],
    ...(heartbeat === null ? {} : { heartbeat }),
    restart_failed: options.restart_failed,
    on_demand: options.on_demand,
  };
  return { situation: stillSilent(situation) ? { ...situation, trouble_since: now } : situation, doubt };
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
function lookAtAll(
  session: Session,
  wanted: readonly ServerDef[],
  thorough: boolean,
  follow: Doubt['follow'],
): readonly Promise<ServerObservation>[] {
  const { former_masters, operation } = session.state.current();
  const master = recordedMaster(session.state.current());
  const former = new Set(former_masters.map(({ server }) => server));
  const [ask, poll] = [factLook(session), lightLook(session)];
  return wanted.map((def) => {
    const asked = thorough || operation !== null || former.has(def.name);
    const look = (): Promise<ServerObservation> => lookAtServer(asked ? ask : poll, def);
    return def.name === master ? follow(look(), look) : look();
  });
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
