import { type Counterfactual, counterfactuals } from './counterfactual.js';
import { decide } from './decide.js';
import type { Decision } from './decision.js';
import { DIAGNOSIS_RULES } from './diagnose.js';
import { isLost } from './diagnosis.js';
import { type EvidenceEntry, entryName } from './evidence.js';
import { type Fact, factsOf } from './fact-words.js';
import { bytesBehind, formatLsn } from './lsn.js';
import { describeStep, failoverSteps } from './plan.js';
import { type Select, rank } from './rank.js';
import type { Situation } from './situation.js';
import { type Course, type TimetableRow, timetable } from './timetable.js';
import { type Difference, type Verdict, differences, verdictOf } from './verdict.js';
import { VETO_RULE } from './veto.js';

/** Why a decision was what it was. */
export interface Explanation {
  /** The run, and the number of the decision in it where that is not the first. */
  readonly name: string;
  /** ISO 8601: when it was decided. */
  readonly ts: string;
  readonly command: string;
  /** As it was recorded. */
  readonly verdict: Verdict;
  readonly hint: string | null;
  /** What was known, with where from and how old. */
  readonly facts: readonly Fact[];
  /** The rules, in the order in which they were asked. */
  readonly rules: readonly RuleAnswer[];
  readonly vetoes: readonly { readonly rule: number; readonly text: string; readonly hint: string }[];
  /** Every replica, the one to be promoted first. */
  readonly candidates: readonly CandidateAnswer[];
  readonly plan: readonly string[];
  /** Where each millisecond went: before the decision, and where it was acted on, until all was done. */
  readonly timetable: readonly TimetableRow[];
  /** What would have to be otherwise for another decision. */
  readonly otherwise: readonly Counterfactual[];
  /** Where the code of today decides otherwise than what was recorded; the explanation is that of today's code. */
  readonly differs: readonly Difference[];
}

export interface RuleAnswer {
  readonly number: number;
  readonly when: string;
  /** `fired`: it decided; `passed`: it was asked and did not fit; `held_back`: it kept the decision from being done. */
  readonly answer: 'passed' | 'fired' | 'held_back';
}

export interface CandidateAnswer {
  readonly server: string;
  readonly fit: boolean;
  /** 1 would be promoted first; null: it would not be. */
  readonly rank: number | null;
  readonly lsn: string | null;
  /** Bytes behind the fit replica that is furthest ahead. */
  readonly behind: number | null;
  readonly failover_priority: number | null;
  /** Why it is not fit; empty when it is. */
  readonly reasons: readonly string[];
}

/** Explains a recorded decision by deciding again from what was recorded. `acted`: the operation that came of it. */
export function explain(entry: EvidenceEntry, select: Select, acted: Course = {}): Explanation {
  const { situation } = entry;
  const decision = decide(situation, select);
  const { action } = decision;
  return {
    name: entryName(entry),
    ts: entry.ts,
    command: entry.command,
    verdict: entry.verdict,
    hint: decision.hint,
    facts: factsOf(situation),
    rules: ruleAnswers(situation, decision),
    vetoes: decision.vetoes.map(({ rule, text, hint }) => ({ rule, text, hint })),
    candidates: candidateAnswers(decision, select),
    plan: action.kind === 'fail_over' ? failoverSteps(action.plan).map(describeStep) : [],
    timetable: timetable({ ...acted, moments: entry.moments ?? [] }),
    otherwise: counterfactuals(situation, select),
    differs: differences(entry.verdict, verdictOf(decision)),
  };
}

function ruleAnswers(s: Situation, decision: Decision): readonly RuleAnswer[] {
  const spoke = DIAGNOSIS_RULES.findIndex((rule) => rule.diagnose(s) !== null);
  const asked = DIAGNOSIS_RULES.slice(0, spoke + 1).map(({ number, when }, index): RuleAnswer => ({
    number,
    when,
    answer: index === spoke ? 'fired' : 'passed',
  }));
  const held = (number: number): boolean => decision.vetoes.some(({ rule }) => rule === number);
  const last: RuleAnswer[] = [];
  if (isLost(decision.diagnosis)) {
    const { number, when } = VETO_RULE;
    const others = decision.vetoes.some(({ rule }) => rule !== 0);
    last.push({ number, when, answer: others ? 'held_back' : 'passed' });
  }
  if (held(0)) {
    const when = 'at the end: this host is not to be trusted in this round, or nothing could be journalled';
    last.push({ number: 0, when, answer: 'held_back' });
  }
  return [...asked, ...last];
}

function candidateAnswers({ fitness }: Decision, select: Select): readonly CandidateAnswer[] {
  const order = rank(fitness, select).map((one) => one.server);
  const furthest = fitness.reduce<bigint>(
    (best, { candidate }) => (candidate !== null && candidate.lsn > best ? candidate.lsn : best),
    0n,
  );
  return fitness
    .map(({ server, candidate, failover_priority, unfit }): CandidateAnswer => {
      const place = order.indexOf(server);
      const left = candidate !== null && place === -1 ? ['the selection method left it out'] : [];
      return {
        server,
        fit: candidate !== null,
        rank: place === -1 ? null : place + 1,
        lsn: candidate === null ? null : formatLsn(candidate.lsn),
        behind: candidate === null ? null : bytesBehind(candidate.lsn, furthest as typeof candidate.lsn),
        failover_priority,
        reasons: [...unfit.map(({ text }) => text), ...left],
      };
    })
    .sort((a, b) => (a.rank ?? Infinity) - (b.rank ?? Infinity));
}
