import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { decide } from '../../src/core/decide.js';
import { evidenceEntry } from '../../src/core/evidence.js';
import { verdictOf } from '../../src/core/verdict.js';
import { formatLine, parseEvidence } from '../../src/report/evidence-line.js';
import type { Decision } from '../../src/core/decision.js';
import { isLost } from '../../src/core/diagnosis.js';
import type { SavedState } from '../../src/core/model.js';
import type { HostLook, PortLook, ReachKind, ServerObservation, SqlFacts } from '../../src/core/observation.js';
import { failoverSteps } from '../../src/core/plan.js';
import { furthestAhead } from '../../src/core/select.js';
import { type Situation, canMeanDown } from '../../src/core/situation.js';
import {
  DEFAULT_POLICY,
  HOSTS,
  OTHER_SYSTEM,
  QUIET,
  SYSTEM,
  TROUBLE,
  factsOf,
  iso,
  lookedCloser,
  observation,
  situation,
} from './build.js';

/*
 * The promises of SPEC.md 1, held against every situation that a few words can make: how each of three servers answers,
 * what the master's host says, what the witnesses say, whether the retries were made, and the policy.
 */

const SILENCE = [
  'saturated',
  'starting',
  'stopping',
  'rejected',
  'refused',
  'timeout',
  'unreachable',
  'unresolved',
] as const;
const MASTER = ['master', 'replica', ...SILENCE] as const;
const REPLICA = ['master', 'promoted', 'foreign', 'replica', 'hearing', ...SILENCE] as const;
type Answer = (typeof REPLICA)[number];

const WITNESS = ['reaches', 'cannot_reach', 'cannot_look'] as const satisfies readonly PortLook[];
const BITS = [
  'off',
  'paused',
  'require_fencing',
  'restart_master',
  'leave_hung',
  'fence_method',
  'restart_failed',
  'on_demand',
] as const;
type Bit = (typeof BITS)[number];

const calm = situation();
const PAUSED: SavedState = { ...calm.state, pause: { since: iso(TROUBLE), until: null, reason: 'maintenance' } };

type Setting = Pick<Situation, 'policy' | 'state' | 'restart_failed' | 'on_demand'>;

function setting(number: number): Setting {
  const has = (bit: Bit): boolean => (number & (1 << BITS.indexOf(bit))) !== 0;
  return {
    policy: {
      ...DEFAULT_POLICY,
      auto_failover: !has('off'),
      require_fencing: has('require_fencing'),
      restart_master: has('restart_master'),
      failover_on_hung: !has('leave_hung'),
      fence_method: has('fence_method') ? 'fence_command' : null,
    },
    state: has('paused') ? PAUSED : calm.state,
    restart_failed: has('restart_failed') ? 'it did not start' : null,
    on_demand: has('on_demand') ? { to: null, force: false } : null,
  };
}

const SETTINGS = Array.from({ length: 1 << BITS.length }, (_, number) => setting(number));
/** A situation that is no lost master under the default policy is tried with a few others. */
const FEW = SETTINGS.filter((_, number) => [0, 63, 255].includes(number));
/** A lost one is tried with all 64 policies, and with what else there is in turn. */
const QUARTERS = [0, 1, 2, 3].map((quarter) =>
  SETTINGS.filter((_, number) => ((number ^ (number >> 2) ^ (number >> 4) ^ (number >> 6)) & 3) === quarter),
);

function seen(server: string, answer: Answer): ServerObservation {
  if (answer === 'replica') return observation(server, 'accepting', factsOf('replica'));
  if (answer === 'master') return observation(server, 'accepting', factsOf('master'));
  if (answer === 'hearing') {
    return observation(server, 'accepting', factsOf('replica', { receiver: { ...QUIET, receipt_age_ms: 10 } }));
  }
  if (answer === 'foreign') {
    return observation(server, 'accepting', factsOf('master', { system_identifier: OTHER_SYSTEM, timeline: 9 }));
  }
  if (answer === 'promoted') return observation(server, 'accepting', factsOf('master', { timeline: 2 }));
  return observation(server, answer satisfies ReachKind);
}

/** What was asked of others: nothing yet, or the master's host and both witnesses. */
interface Asked {
  readonly host: HostLook | null;
  readonly db2: PortLook;
  readonly db3: PortLook;
}

const ASKED: readonly Asked[] = [
  { host: null, db2: 'cannot_look', db3: 'cannot_look' },
  ...Object.values(HOSTS).flatMap((host) => WITNESS.flatMap((db2) => WITNESS.map((db3) => ({ host, db2, db3 })))),
];
const NOT_ASKED = ASKED.slice(0, 1);

function* situations(): Generator<Situation> {
  let count = 0;
  for (const master of MASTER) {
    const db1 = seen('db1', master);
    const silent = canMeanDown(db1);
    for (const a of REPLICA) {
      for (const b of REPLICA) {
        const servers = { db1, db2: seen('db2', a), db3: seen('db3', b) };
        for (const asked of silent ? ASKED : NOT_ASKED) {
          const base = { ...calm, servers, trouble_since: silent ? TROUBLE : null };
          const { host, db2, db3 } = asked;
          const told = host === null ? base : lookedCloser(host, { db2, db3 })(base);
          for (const made of silent ? [1, 4] : [1]) {
            const s = { ...told, attempts: { made, wanted: 4 } };
            const all = isLost(decide(s, furthestAhead).diagnosis) ? QUARTERS[count++ % 4] : FEW;
            for (const one of all ?? []) yield { ...s, ...one };
          }
        }
      }
    }
  }
}

/** The promises that a decision breaks, by name. */
function broken(s: Situation, decision: Decision): readonly string[] {
  const { action, vetoes, diagnosis } = decision;
  const faults: string[] = [];
  const must = (name: string, holds: boolean): void => {
    if (!holds) faults.push(name);
  };
  const db1 = s.servers['db1'];
  const host = s.closer?.host;
  const lost = isLost(diagnosis);
  const passive = action.kind === 'none' || action.kind === 'look';
  if (db1 === undefined || !canMeanDown(db1)) {
    must('no action while the master is up or unresolved', passive || action.kind === 'record_master');
    must('a master that is up is not lost', !lost);
  }
  if (db1?.facts?.in_recovery === false) must('a master that takes writes stays master', passive);
  if (host?.kind === 'looked' && host.port === 'reaches') must('its own host reaches it', !lost);
  if (s.closer?.witnesses.some(({ port, seen: { facts } }) => port === 'reaches' || isFresh(facts)) === true) {
    must('a witness sees it', !lost);
  }
  if (s.closer === null || db1?.reach.kind === 'unresolved') must('nobody was asked', !lost);
  must(
    'a refusal says why',
    decision.success || action.kind !== 'none' || (decision.details !== '' && !!decision.hint),
  );
  must('a hint is never empty', decision.hint !== '');
  must(
    'every veto says why',
    vetoes.every(({ text, hint }) => text !== '' && hint !== ''),
  );
  must('a decision has evidence', decision.evidence.length > 0 && decision.evidence.every(({ text }) => text !== ''));
  must('a lost master is acted on, or there is a veto', !lost || (action.kind === 'none') === vetoes.length > 0);
  must(
    'unknown or down is never a success',
    !decision.success || ['healthy', 'warning'].includes(decision.cluster_status),
  );
  must('alarm unless all is well', decision.alarm || (decision.success && decision.cluster_status === 'healthy'));
  if (action.kind === 'fail_over' || action.kind === 'restart_master') {
    const automatic = s.on_demand === null;
    must('automatic action is allowed', !automatic || (s.policy.auto_failover && s.state.pause === null));
    for (const other of ['db2', 'db3']) must('no other server takes writes', !isWriter(s.servers[other]));
  }
  if (action.kind === 'restart_master') {
    must('restart_master is set', s.policy.restart_master);
    must('only a dead process is started', host?.kind === 'looked' && host.postmaster.kind === 'not_running');
  }
  if (action.kind === 'fail_over') {
    const { plan } = action;
    must('the fence comes first', failoverSteps(plan)[0]?.kind === 'fence_old_master');
    must('owed only where fencing is not required', plan.fence.kind !== 'owed' || !s.policy.require_fencing);
    const mayKill = s.policy.failover_on_hung || s.on_demand !== null;
    must('a frozen master is killed only where allowed', plan.fence.kind !== 'kill' || mayKill);
    must('a fence method is used', plan.fence.kind !== 'owed' || s.policy.fence_method === null);
    for (const { server, timeline } of plan.candidates) {
      const judged = decision.fitness.find((one) => one.server === server);
      must('a candidate is not the old master', server !== 'db1');
      must('a candidate is fit', judged?.unfit.length === 0);
      must('a candidate streamed before', s.state.servers[server]?.calm?.streaming === true);
      must('a candidate is on the newest timeline', timeline === 1);
    }
    must('the loss is stated', decision.loss !== null);
  }
  return faults;
}

function isWriter(seen: ServerObservation | undefined): boolean {
  return seen?.facts?.in_recovery === false && seen.facts.system_identifier === SYSTEM;
}

function isFresh(facts: SqlFacts | null): boolean {
  return facts?.receiver?.kind === 'running' && facts.receiver.receipt_age_ms === 10;
}

/** As it is kept in the evidence journal and read from it. */
function recorded(s: Situation): Situation {
  const head = {
    run: '3f2a91bc',
    seq: 1,
    command: 'failover-check',
    selection_method: 'select_replica_furthest_ahead',
  };
  const line = formatLine(evidenceEntry(head, s, NO_VERDICT), { redact: (text) => text, packed: false });
  const read = parseEvidence(line);
  if (!read.ok) throw new Error(read.error.message);
  return read.value.situation;
}

const NO_VERDICT = verdictOf(decide(calm, furthestAhead));

describe('every situation', () => {
  it('keeps the promises', () => {
    const faults = new Map<string, string>();
    const actions = new Map<string, number>();
    let count = 0;
    for (const s of situations()) {
      count++;
      const decision = decide(s, furthestAhead);
      actions.set(decision.action.kind, (actions.get(decision.action.kind) ?? 0) + 1);
      for (const fault of broken(s, decision)) {
        if (!faults.has(fault)) faults.set(fault, `${decision.diagnosis.kind} ${decision.action.kind} ${words(s)}`);
      }
      if (count % 97 === 0 && !isDeepStrictEqual(decision, decide(structuredClone(s), furthestAhead))) {
        faults.set('same situation, same decision', words(s));
      }
      // All of them were tried once, which takes minutes.
      if (count % 13 === 0 && !isDeepStrictEqual(verdictOf(decision), verdictOf(decide(recorded(s), furthestAhead)))) {
        faults.set('recorded and read again, the same decision', words(s));
      }
      const sick = { ...s, manager: { ...s.manager, boot_id: 'boot-2' } };
      const { kind } = decision.action;
      if (
        s.on_demand === null &&
        kind !== 'none' &&
        kind !== 'look' &&
        decide(sick, furthestAhead).action.kind !== 'none'
      ) {
        faults.set('a sick manager does nothing', words(s));
      }
    }
    console.log(`${count} situations: ${[...actions].map(([kind, times]) => `${kind} ${times}`).join(', ')}`);
    expect(Object.fromEntries(faults)).toEqual({});
    expect([...actions.keys()].sort()).toEqual(['fail_over', 'look', 'none', 'record_master', 'restart_master']);
  }, 180_000);
});

function words(s: Situation): string {
  const answers = Object.values(s.servers).map(({ reach, facts }) =>
    facts === null ? reach.kind : `${facts.in_recovery ? 'replica' : 'master'}@${facts.timeline ?? '?'}`,
  );
  const host = Object.entries(HOSTS).find(([, look]) => look === s.closer?.host)?.[0] ?? 'not asked';
  const ports = s.closer?.witnesses.map(({ port }) => port) ?? [];
  return `${answers.join(' ')}; host ${host}; ${ports.join(' ')}; ${s.attempts.made} of ${s.attempts.wanted}`;
}
