import type { ServerDef } from '../core/model.js';
import type { CloserLook, HostLook, ServerObservation, TimelineHistory, WitnessLook } from '../core/observation.js';
import type { HostPort, SqlPort } from '../plugin/contract.js';
import { canMeanDown } from '../core/situation.js';
import { sameHistory } from '../core/timeline.js';
import { type PortAnswer, lookAtHost, lookAtPort } from './host.js';
import { type LightLook, lookAtServer } from './servers.js';

export interface CloserOptions {
  readonly light: LightLook;
  readonly hosts: HostPort;
  readonly master: ServerDef;
  /** Enabled replicas. */
  readonly replicas: readonly ServerDef[];
  /** Milliseconds for one remote look. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

/** One question of a closer look. */
interface Question<T> {
  readonly answer: Promise<T>;
  isOpen(): boolean;
}

/** A closer look that was begun: every question is under way. */
export interface CloserQuestions {
  readonly host: Question<HostLook>;
  readonly witnesses: readonly Witness[];
  readonly candidate_hosts: readonly Question<HostLook>[];
}

interface Witness {
  readonly server: string;
  readonly seen: Question<ServerObservation>;
  readonly port: Question<PortAnswer>;
}

/** Asks, all at once, everything that can tell a dead master from an unreachable one. */
export function askCloser(options: CloserOptions): CloserQuestions {
  const { light, hosts, master, replicas, timeout, signal } = options;
  return {
    host: question(lookAtHost(hosts, master, { timeout, signal })),
    witnesses: replicas.map((replica) => ({
      server: replica.name,
      seen: question(lookAtServer(light, replica)),
      port: question(lookAtPort(hosts, replica, master, { timeout, signal })),
    })),
    candidate_hosts: replicas.map((replica) => question(lookAtHost(hosts, replica, { timeout, signal }))),
  };
}

/**
 * Asks the same of the same servers again. Where the question of before was still open then, and ends with no answer at all, that
 * silence lasted until now: it is as new as what the second question would come to, and nobody waits for that.
 */
export function askAgain(before: CloserQuestions, options: CloserOptions): CloserQuestions {
  const again = askCloser(options);
  return {
    host: fresher(before.host, again.host, isSilent),
    witnesses: again.witnesses.map((one, index) => {
      const earlier = before.witnesses[index];
      return {
        server: one.server,
        seen: fresher(earlier?.seen, one.seen, canMeanDown),
        port: fresher(earlier?.port, one.port, ({ port }) => port === 'cannot_look'),
      };
    }),
    candidate_hosts: again.candidate_hosts.map((one, index) => fresher(before.candidate_hosts[index], one, isSilent)),
  };
}

/** What a closer look comes to. */
export async function answersOf({ host, witnesses, candidate_hosts }: CloserQuestions): Promise<CloserLook> {
  const [master, candidates, testimonies] = await Promise.all([
    host.answer,
    Promise.all(candidate_hosts.map(({ answer }) => answer)),
    Promise.all(
      witnesses.map(async ({ server, seen, port }): Promise<WitnessLook> => {
        const [sight, look] = await Promise.all([seen.answer, port.answer]);
        return { server, seen: sight, port: look.port, port_detail: look.detail };
      }),
    ),
  ]);
  return { host: master, witnesses: testimonies, candidate_hosts: candidates };
}

function isSilent(look: HostLook): boolean {
  return look.kind === 'no_answer';
}

function question<T>(answer: Promise<T>): Question<T> {
  let open = true;
  const close = (): void => {
    open = false;
  };
  answer.then(close, close);
  return { answer, isOpen: () => open };
}

function fresher<T>(before: Question<T> | undefined, again: Question<T>, silent: (answer: T) => boolean): Question<T> {
  if (before?.isOpen() !== true) return again;
  const first = before.answer.then((answer) => (silent(answer) ? answer : again.answer));
  return question(Promise.race([first, again.answer]));
}

/** What the servers tell of the newest timeline, of which `history` is, and which of them hold that history. */
export interface HistoryTold {
  readonly history: TimelineHistory | null;
  readonly history_held_by: readonly string[];
}

/** A server that answers, and the timeline that it is on. */
export interface OnTimeline {
  readonly def: ServerDef;
  readonly timeline: number;
}

/**
 * The history of the newest timeline, where a server is on an older one: asked of each, since a standby tells it too. Where two
 * tell different ones, that of a server on the timeline itself counts, and who tells the other does not hold it.
 */
export async function readHistory(
  sql: SqlPort,
  timelines: readonly OnTimeline[],
  newest: number,
): Promise<HistoryTold> {
  if (timelines.every(({ timeline }) => timeline === newest)) return { history: null, history_held_by: [] };
  const told = await Promise.all(
    timelines.map(async ({ def, timeline }) => {
      const answer = await sql.timelineHistory(def, newest);
      return answer.ok && answer.value !== null ? [{ server: def.name, timeline, history: answer.value }] : [];
    }),
  );
  const holders = told.flat().sort((a, b) => b.timeline - a.timeline);
  const history = holders[0]?.history ?? null;
  const agree = history === null ? [] : holders.filter((one) => sameHistory(one.history, history));
  return { history, history_held_by: agree.map(({ server }) => server) };
}
