import type { HostLook, ServerObservation } from './observation.js';
import type { Diagnosed, Diagnosis } from './diagnosis.js';
import { diagnoseLost } from './diagnose-lost.js';
import {
  type Evidence,
  type Situation,
  acceptsWrites,
  canMeanDown,
  describeReach,
  evidence,
  isForeign,
  otherWriter,
  recordedMaster,
} from './situation.js';

/** One rule: what it looks for, what follows, and how it speaks. Rules are asked in order; the first that speaks wins. */
export interface Rule {
  readonly number: number;
  readonly when: string;
  readonly then: string;
  readonly kinds: readonly Diagnosis['kind'][];
  readonly diagnose: (s: Situation) => Finding | null;
}

export interface Finding {
  readonly diagnosis: Diagnosis;
  readonly evidence: readonly Evidence[];
}

function finding(diagnosis: Diagnosis, ...facts: readonly Evidence[]): Finding {
  return { diagnosis, evidence: facts };
}

/** The words of one look as evidence. */
function sighting(seen: ServerObservation): Evidence {
  return evidence(seen.server, seen.at, describeReach(seen));
}

function sickManager(s: Situation): Finding | null {
  const looks = Object.values(s.servers);
  const master = recordedMaster(s.state);
  const masterSeen = master === null ? undefined : s.servers[master];
  if (masterSeen?.reach.kind === 'unresolved') return finding({ kind: 'resolver_failing' }, sighting(masterSeen));
  const nothing = looks.filter(({ reach }) => ['timeout', 'unreachable', 'unresolved'].includes(reach.kind));
  if (looks.length === 0 || nothing.length < looks.length) return null;
  // A host that answers over ssh is an answer too: then it is not we who are cut off.
  if (s.closer !== null && hostAnswers(s.closer)) return null;
  return finding({ kind: 'manager_cut_off' }, ...looks.map(sighting));
}

function hostAnswers(closer: NonNullable<Situation['closer']>): boolean {
  const answered = (look: HostLook): boolean => look.kind === 'looked';
  return answered(closer.host) || closer.candidate_hosts.some(answered);
}

function notActive(s: Situation): Finding | null {
  if (s.active.active) return null;
  const { detail } = s.active;
  return finding({ kind: 'not_active', detail }, evidence('master_check_method', s.now, detail));
}

function unfinished(s: Situation): Finding | null {
  const { operation } = s.state;
  if (operation === null) return null;
  return finding(
    { kind: 'operation_unfinished', operation: operation.id },
    evidence('saved state', s.now, `the ${operation.kind} begun at ${operation.begun} was not finished`),
  );
}

function returned(s: Situation): Finding | null {
  const back = s.state.former_masters.flatMap((former) => {
    const seen = s.servers[former.server];
    if (former.server === recordedMaster(s.state)) return [];
    if (seen === undefined || !acceptsWrites(seen) || isForeign(s, seen)) return [];
    const { timeline = null } = seen.facts ?? {};
    // On the timeline that replaced it or a newer one it is no relic: a person did something, and rule 4 or 5 speaks.
    if (former.timeline !== null && timeline !== null && timeline >= former.timeline) return [];
    return [seen];
  });
  const [first, ...rest] = back;
  if (first === undefined) return null;
  return finding(
    { kind: 'fenced_master_returned', servers: [first.server, ...rest.map((seen) => seen.server)] },
    ...back.map((seen) =>
      evidence(
        seen.server,
        seen.at,
        `${seen.server} is a former master and accepts writes on timeline ${seen.facts?.timeline ?? 'unknown'}`,
      ),
    ),
  );
}

/** Servers of this cluster that take writes now. A master made read only does not count. */
function writers(s: Situation): readonly ServerObservation[] {
  return Object.values(s.servers).filter(
    (seen) => acceptsWrites(seen) && seen.facts?.read_only !== true && !isForeign(s, seen),
  );
}

function severalMasters(s: Situation): Finding | null {
  const accepting = writers(s);
  if (accepting.length < 2) return null;
  return finding(
    { kind: 'two_masters', servers: accepting.map((seen) => seen.server).sort() },
    ...accepting.map((seen) =>
      evidence(seen.server, seen.at, `${seen.server} accepts writes on timeline ${seen.facts?.timeline ?? 'unknown'}`),
    ),
  );
}

function masterAnswers(s: Situation): Finding | null {
  const master = recordedMaster(s.state);
  if (master === null) {
    return finding(
      { kind: 'no_master_recorded' },
      evidence('saved state', s.now, 'the saved servers hold no enabled master'),
    );
  }
  const seen = s.servers[master];
  if (seen === undefined || canMeanDown(seen)) return promotedByHand(s, master) ?? unrecordedWriter(s, master);
  switch (seen.reach.kind) {
    case 'saturated':
      return finding({ kind: 'master_saturated', master }, sighting(seen));
    case 'starting':
      return finding({ kind: 'master_starting', master }, sighting(seen));
    case 'stopping':
      return finding({ kind: 'master_stopping', master }, sighting(seen));
    case 'rejected':
      return finding({ kind: 'master_rejects_us', master }, sighting(seen));
    case 'accepting':
      return masterAccepts(s, master, seen);
    case 'refused':
    case 'timeout':
    case 'unreachable':
    case 'unresolved':
      return null;
  }
}

function masterAccepts(s: Situation, master: string, seen: ServerObservation): Finding {
  const { facts } = seen;
  if (facts === null) return wedged(master, seen) ?? finding({ kind: 'master_healthy', master }, sighting(seen));
  const say = (text: string): Evidence => evidence(master, seen.at, `${master} ${text}`);
  if (isForeign(s, seen)) {
    const text = `has system identifier ${facts.system_identifier ?? ''}, the cluster's is ${s.state.system_identifier ?? ''}`;
    return finding({ kind: 'foreign_master', master }, say(text));
  }
  if (facts.in_recovery) {
    return (
      promotedByHand(s, master) ?? finding({ kind: 'master_in_recovery', master }, say('is in recovery: read only'))
    );
  }
  const newer = Object.values(s.servers).find(
    (other) => !isForeign(s, other) && (other.facts?.timeline ?? 0) > (facts.timeline ?? Infinity),
  );
  if (facts.read_only) {
    const hand = promotedByHand(s, master);
    if (hand !== null) return hand;
  }
  if (newer !== undefined) {
    const text = `${newer.server} is on timeline ${newer.facts?.timeline ?? ''}, newer than the master's`;
    return finding(
      { kind: 'master_on_old_timeline', master, newer: newer.server },
      say(`is on timeline ${facts.timeline ?? ''}`),
      evidence(newer.server, newer.at, text),
    );
  }
  if (facts.read_only) {
    return finding({ kind: 'master_read_only', master }, say('has default_transaction_read_only on'));
  }
  return (
    wedged(master, seen) ??
    finding({ kind: 'master_healthy', master }, say(`accepts writes on timeline ${facts.timeline ?? 'unknown'}`))
  );
}

function wedged(master: string, { at, write }: ServerObservation): Finding | null {
  if (write === undefined || write.kind === 'acknowledged') return null;
  const { detail } = write;
  return finding(
    { kind: 'master_wedged', master, detail },
    evidence(master, at, `${master} acknowledges no write: ${detail}`),
  );
}

/**
 * The one exception to guessing: the recorded master is dead or read only, and exactly one enabled server of the same
 * system identifier accepts writes on a newer timeline. A dead master is believed dead only after every retry.
 */
function promotedByHand(s: Situation, master: string): Finding | null {
  const seen = s.servers[master];
  const silent = seen === undefined || canMeanDown(seen);
  if (silent && s.attempts.made < s.attempts.wanted) return null;
  const [writer, ...others] = writers(s);
  if (writer === undefined || others.length > 0 || writer.server === master) return null;
  if (s.state.servers[writer.server]?.def.enabled !== true) return null;
  const timeline = writer.facts?.timeline ?? 0;
  if (timeline <= (s.state.master_position?.timeline ?? 0)) return null;
  if (writer.facts?.system_identifier !== s.state.system_identifier) return null;
  return finding(
    { kind: 'promoted_by_hand', old_master: master, new_master: writer.server },
    ...(seen === undefined ? [] : [sighting(seen)]),
    evidence(
      writer.server,
      writer.at,
      `${writer.server} accepts writes on timeline ${timeline}: it was promoted by hand`,
    ),
  );
}

/** What was not proved to be a promotion by hand, after every retry. */
function unrecordedWriter(s: Situation, master: string): Finding | null {
  const writer = s.attempts.made < s.attempts.wanted ? null : otherWriter(s, master);
  if (writer === null) return null;
  return finding({ kind: 'unrecorded_writer', master, writer: writer.server }, writer.evidence);
}

/** The rules of a failover check, in the order in which they are asked. */
export const DIAGNOSIS_RULES: readonly Rule[] = [
  {
    number: 0,
    when: "nothing at all answers, or the master's name does not resolve",
    then: 'report unknown, raise the alarm, act on nothing',
    kinds: ['manager_cut_off', 'resolver_failing'],
    diagnose: sickManager,
  },
  {
    number: 1,
    when: 'this HandyRep is not the active one (master_check_method)',
    then: 'do nothing, success',
    kinds: ['not_active'],
    diagnose: notActive,
  },
  {
    number: 2,
    when: 'an operation is unfinished',
    then: 'finish it or roll it back',
    kinds: ['operation_unfinished'],
    diagnose: unfinished,
  },
  {
    number: 3,
    when: 'a fenced or former master is back and accepts writes',
    then: 'stop it and leave standby.signal, before anything else',
    kinds: ['fenced_master_returned'],
    diagnose: returned,
  },
  {
    number: 4,
    when: 'two servers accept writes',
    then: 'down, alarm, refuse',
    kinds: ['two_masters'],
    diagnose: severalMasters,
  },
  {
    number: 5,
    when: 'the master answers',
    then: 'record it; as something else than a master of this cluster: refuse to guess, save for a promotion by hand',
    kinds: [
      'master_healthy',
      'master_saturated',
      'master_starting',
      'master_stopping',
      'master_rejects_us',
      'master_in_recovery',
      'foreign_master',
      'master_on_old_timeline',
      'master_read_only',
      'master_wedged',
      'promoted_by_hand',
      'unrecorded_writer',
      'no_master_recorded',
    ],
    diagnose: masterAnswers,
  },
  ...diagnoseLost,
];

/** Names the situation: the first rule that speaks, with its evidence. Total: some rule always speaks. */
export function diagnose(s: Situation): Diagnosed {
  for (const rule of DIAGNOSIS_RULES) {
    const found = rule.diagnose(s);
    if (found !== null) return { rule: rule.number, ...found };
  }
  // Rule 9 takes whatever the others leave.
  throw new Error('no rule spoke: the table of rules is not total');
}
