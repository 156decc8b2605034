import { CLOSER_LOOK_MS, VIGIL_MS } from '../core/limits.js';
import { liveTimeline, newestTimeline } from '../core/eligibility.js';
import type { SavedState, ServerDef } from '../core/model.js';
import type { ServerObservation } from '../core/observation.js';
import { lateAfter, retryTimes } from '../core/patience.js';
import { type Situation, canMeanDown, enabledReplicas, recordedMaster } from '../core/situation.js';
import { laterThan } from '../core/suspicion.js';
import { pause } from '../io/wait.js';
import {
  type CloserOptions,
  type CloserQuestions,
  type OnTimeline,
  answersOf,
  askAgain,
  askCloser,
  readHistory,
} from '../observe/closer.js';
import { lookAtServer } from '../observe/servers.js';
import { type Vigil, keepVigil } from '../observe/vigil.js';
import type { Moments } from './moments.js';
import { type Session, factLook, lightLook } from './session.js';

/** Why there is a reason to look, before anybody has looked. */
export interface Sign {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly what: string;
  /** It was asked then, and has not answered. */
  readonly overdue: boolean;
}

/**
 * Everything that is asked where the master does not answer: closer looks and retries. It begins when the first look at the master
 * fails or is late, beside that look, and decides nothing: what it came to is looked at when the first look has failed, and
 * dropped when that is answered.
 */
export interface Doubt {
  /**
   * Follows the first look at the master, and begins when that says so. Where that is late, `again` is asked beside it: a server that let
   * us in before it froze is not waited for longer than one that did not. Gives the one that ended first.
   */
  follow(first: Promise<ServerObservation>, again: () => Promise<ServerObservation>): Promise<ServerObservation>;
  /** The situation with a closer look. */
  closer(situation: Situation): Promise<Situation>;
  /**
   * The situation with the closer look that began together with the last retry; the retries may still be without an answer then. Asked
   * again: with all retries ended.
   */
  retried(situation: Situation): Promise<Situation>;
  /** Where the master's host did not answer either: who asks it on until it is ended. Whoever takes it ends it. */
  takeVigil(): Vigil | null;
  /** Nothing more is begun, and what is under way is given up; a vigil that was taken goes on. */
  end(): void;
}

interface Retries {
  /** Ends when the last one has begun, or when one was answered. */
  readonly begun: Promise<void>;
  readonly ended: Promise<void>;
  readonly looks: (ServerObservation | null)[];
  readonly fresh: Promise<CloserQuestions>;
}

/** A doubt about the master of the saved state; null when that names none. `sign`: what made this round begin. */
export function createDoubt(session: Session, sign: Sign | null, moments: Moments): Doubt | null {
  const state = session.state.current();
  const master = state.servers[recordedMaster(state) ?? '']?.def;
  return master === undefined ? null : new DoubtOf(session, { state, master, sign, moments });
}

interface Subject {
  readonly state: SavedState;
  readonly master: ServerDef;
  readonly sign: Sign | null;
  readonly moments: Moments;
}

class DoubtOf implements Doubt {
  readonly #session: Session;
  readonly #subject: Subject;
  readonly #over = new AbortController();
  readonly #signal: AbortSignal;
  #questions: CloserQuestions | null = null;
  #retries: Retries | null = null;
  #vigil: Vigil | null = null;
  #waited = false;

  constructor(session: Session, subject: Subject) {
    this.#session = session;
    this.#subject = subject;
    this.#signal = AbortSignal.any([session.signal, this.#over.signal]);
  }

  follow(first: Promise<ServerObservation>, again: () => Promise<ServerObservation>): Promise<ServerObservation> {
    const { sign, state, master } = this.#subject;
    const began = Date.now();
    const answered = new AbortController();
    const usual = state.servers[master.name]?.facts?.took ?? null;
    const asked = sign?.overdue === true ? sign.at : null;
    const late = asked === null ? lateAfter(usual, this.#session.config.handyrep.connect_timeout) : 0;
    const second = pause(late, AbortSignal.any([answered.signal, this.#signal])).then(() => {
      if (answered.signal.aborted || this.#signal.aborted) return first;
      this.#begin(Math.min(began, asked ?? began));
      // It was asked when the heartbeat was late already: nothing is asked twice.
      return late === 0 ? first : again();
    });
    const seen = Promise.race([first, second]);
    void seen.then((one) => {
      answered.abort();
      if (canMeanDown(one)) this.#begin(Date.now());
      else this.end();
    });
    return seen;
  }

  async closer(situation: Situation): Promise<Situation> {
    this.#begin(Date.now());
    if (this.#questions === null) return situation;
    return this.#merged(situation, this.#questions);
  }

  async retried(situation: Situation): Promise<Situation> {
    const retries = this.#retries;
    if (retries === null) return situation;
    if (this.#waited) await retries.ended;
    else await retries.begun;
    // By then everything but the retries has been answered: nobody is asked again.
    const merged = this.#waited ? await this.#latest(situation) : await this.#merged(situation, await retries.fresh);
    this.#waited = true;
    const { wanted } = situation.attempts;
    const answered = retries.looks.some((one) => one !== null && !canMeanDown(one));
    const open = answered ? 0 : retries.looks.filter((one) => one === null).length;
    const attempts = open === 0 ? { made: wanted, wanted } : { made: wanted - open, wanted, begun: wanted };
    return { ...merged, attempts };
  }

  takeVigil(): Vigil | null {
    const taken = this.#vigil;
    this.#vigil = null;
    return taken;
  }

  end(): void {
    this.#over.abort();
    this.#vigil?.end();
  }

  #begin(since: number): void {
    if (this.#questions !== null || this.#signal.aborted) return;
    this.#questions = this.#ask('closer look', (options) => askCloser(options));
    this.#retries = this.#retry(this.#questions, Math.max(0, Date.now() - since));
  }

  #ask(what: string, ask: (options: CloserOptions) => CloserQuestions): CloserQuestions {
    const { state, master, moments } = this.#subject;
    const { hosts, config } = this.#session;
    const ended = moments.begin(what);
    const questions = ask({
      light: factLook(this.#session),
      hosts,
      master,
      replicas: replicasOf(state),
      timeout: config.handyrep.ssh_timeout + CLOSER_LOOK_MS,
      signal: this.#signal,
    });
    void answersOf(questions).then(ended);
    return questions;
  }

  /** Each retry begins in its time, and waits for none before it; the last one together with a closer look. */
  #retry(first: CloserQuestions, since: number): Retries {
    const { moments, master } = this.#subject;
    const answered = new AbortController();
    const over = AbortSignal.any([answered.signal, this.#signal]);
    const times = retryTimes(this.#session.config.failover, since);
    const looks: Retries['looks'] = times.map(() => null);
    const last = times.at(-1) ?? 0;
    const all = times.map(async (ms, index) => {
      await pause(ms, over);
      if (over.aborted) return;
      const ended = moments.begin(`retry ${(index + 1).toString()}`);
      const seen = await lookAtServer(lightLook(this.#session), master);
      ended();
      looks[index] = seen;
      if (!canMeanDown(seen)) answered.abort();
    });
    void pause(last - VIGIL_MS, over).then(() => {
      if (!over.aborted && times.length > 0 && first.host.isOpen()) this.#vigil = this.#keepVigil();
    });
    const begun = pause(last, over);
    const fresh = begun.then(() =>
      over.aborted || times.length === 0
        ? first
        : this.#ask('closer look with the last retry', (options) => askAgain(first, options)),
    );
    return { begun, ended: Promise.all(all).then(() => undefined), looks, fresh };
  }

  #keepVigil(): Vigil {
    const { handyrep } = this.#session.config;
    return keepVigil(factLook(this.#session), this.#subject.master, handyrep.connect_timeout, this.#session.signal);
  }

  /** What the questions came to, and the latest that is known of the master. */
  async #merged(situation: Situation, questions: CloserQuestions): Promise<Situation> {
    const closer = await answersOf(questions);
    const fresh = Object.fromEntries(closer.witnesses.map(({ seen }) => [seen.server, seen]));
    const merged = await this.#latest({ ...situation, servers: { ...situation.servers, ...fresh }, closer });
    const { state } = this.#subject;
    const newest = newestTimeline(state, merged.servers);
    const told = await readHistory(this.#session.sql, timelinesOf(state, merged.servers), newest);
    return { ...merged, now: Date.now(), ...told };
  }

  /** The latest that is known of the master, and of ourselves. */
  async #latest(situation: Situation): Promise<Situation> {
    const { master } = this.#subject;
    // Our clock may have jumped, and our disk filled, since the first look: what is acted on is judged by how we are now.
    const manager = laterThan(situation.manager, await this.#session.observeManager());
    const made = (this.#retries?.looks ?? []).filter((one) => one !== null);
    const latest = made.find((one) => !canMeanDown(one)) ?? made.at(-1) ?? situation.servers[master.name];
    const seen = latest === undefined ? {} : { [master.name]: latest };
    return { ...situation, now: Date.now(), manager, servers: { ...situation.servers, ...seen } };
  }
}

function replicasOf(state: SavedState): readonly ServerDef[] {
  return enabledReplicas(state).flatMap((name) => state.servers[name]?.def ?? []);
}

/** Of this cluster's own servers: the history of another's timeline of that number tells nothing. */
function timelinesOf(state: SavedState, seen: Readonly<Record<string, ServerObservation>>): readonly OnTimeline[] {
  return enabledReplicas(state).flatMap((name) => {
    const server = state.servers[name];
    if (server === undefined || seen[name]?.facts?.system_identifier !== state.system_identifier) return [];
    const timeline = liveTimeline(server, seen[name]);
    return timeline === null ? [] : [{ def: server.def, timeline }];
  });
}
