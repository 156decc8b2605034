import { decide } from './decide.js';
import type { Decision } from './decision.js';
import type { Select } from './rank.js';
import type { Situation } from './situation.js';
import { differences, verdictOf } from './verdict.js';
import { type Change, type ChangeKind, DEMAND, changesOf } from './what-if.js';

/** What else would have been decided, and the changes that lead there: any one of the conditions is enough. */
export interface Counterfactual {
  /** To be read after "it would": "fail over to db2". */
  readonly outcome: string;
  /** Whether something would be done. */
  readonly acts: boolean;
  /** The most useful first. */
  readonly conditions: readonly Condition[];
}

export interface Condition {
  /** To be read after "if": all of it has to be so. */
  readonly all: readonly string[];
  readonly kinds: readonly ChangeKind[];
  /** The situation, and the vetoes, that would be found then. */
  readonly found: readonly string[];
}

/** A set of changes that alters the outcome, with what is decided then. */
export interface Alternative {
  readonly changes: readonly Change[];
  readonly decision: Decision;
}

/** So many decisions at most are made for one explanation, times the number of servers that each looks at. */
const MOST_WORK = 60_000;
/** So many changes are combined without asking first which of them matter. */
const FEW = 60;
const LARGEST_SET = 3;

/**
 * The smallest sets of changes that alter the outcome. Every single change is tried; where none of them leads to an act,
 * and the master is in trouble, also pairs of them, then three at a time. Each is found by deciding again.
 */
export function alternatives(s: Situation, select: Select): readonly Alternative[] {
  const base = decide(s, select);
  const changes = changesOf(s, base);
  const singles = changes.map((one) => tryAll(s, select, [one]));
  const found = singles.filter(({ decision }) => outcomeOf(decision) !== outcomeOf(base));
  const byItself = found.some(({ changes, decision }) => isAct(decision) && !changes.some(isDemand));
  if (base.success || isAct(base) || byItself) return found;
  const verdict = verdictOf(base);
  const possible = singles.filter(({ changes: [one] }) => one !== undefined && !isDemand(one));
  // Of many servers only those are combined whose answer alters something alone; settings may matter only beside one.
  const moving = possible.filter(
    ({ changes: [one], decision }) =>
      possible.length <= FEW || one?.about === null || differences(verdict, verdictOf(decision)).length > 0,
  );
  const mostTries = Math.ceil(MOST_WORK / Object.keys(s.state.servers).length);
  return [...found, ...largerSets(s, select, { changes: moving.flatMap(({ changes: one }) => one), mostTries })];
}

function largerSets(
  s: Situation,
  select: Select,
  { changes, mostTries }: { readonly changes: readonly Change[]; readonly mostTries: number },
): readonly Alternative[] {
  let tries = 0;
  for (let size = 2; size <= LARGEST_SET; size++) {
    const acting: Alternative[] = [];
    for (const set of combinations(changes, size)) {
      if (tries++ >= mostTries) return acting;
      const tried = tryAll(s, select, set);
      if (isAct(tried.decision)) acting.push(tried);
    }
    if (acting.length > 0) return acting;
  }
  return [];
}

/** An operator's word lifts what holds automatic action back, and says nothing of what would do so by itself. */
function isDemand({ touches }: Change): boolean {
  return touches === DEMAND;
}

/** Sets of changes that touch different things. */
function* combinations(changes: readonly Change[], size: number, from = 0): Generator<readonly Change[]> {
  if (size === 0) {
    yield [];
    return;
  }
  for (const [index, first] of changes.entries()) {
    if (index < from) continue;
    for (const rest of combinations(changes, size - 1, index + 1)) {
      if (rest.every((one) => one.touches !== first.touches)) yield [first, ...rest];
    }
  }
}

/** Decides again with all of these changes. */
function tryAll(s: Situation, select: Select, changes: readonly Change[]): Alternative {
  const changed = changes.reduce((before, one) => one.apply(before), s);
  const order = changes.reduce((before, one) => one.select ?? before, select);
  return { changes, decision: decide(changed, order) };
}

function isAct({ action }: Decision): boolean {
  return action.kind !== 'none' && action.kind !== 'look';
}

/** What a decision comes to for an operator, to be read after "it would". */
export function outcomeOf(decision: Decision): string {
  const { action } = decision;
  switch (action.kind) {
    case 'fail_over': {
      const { candidates, fence } = action.plan;
      const unfenced = fence.kind === 'owed' ? ', the fencing of the old master owed' : '';
      return `fail over to ${candidates[0].server}${unfenced}`;
    }
    case 'restart_master':
      return `start the master ${action.server} again`;
    case 'record_master':
      return `record ${action.new_master} as the master`;
    case 'fence_returned':
      return `stop ${action.servers.join(' and ')}, a former master`;
    case 'resume':
      return 'finish or roll back the unfinished operation';
    case 'look':
      return 'look closer before deciding';
    case 'none':
      return decision.success ? 'find nothing to do' : 'raise the alarm and not act';
  }
}

function foundIn({ vetoes, diagnosis }: Decision): readonly string[] {
  return [diagnosis.kind, ...vetoes.map((veto) => veto.name)];
}

/** By how much each kind of change helps an operator: first what ends by itself and what he can do, then what was seen. */
const ORDER_TO_ACT: readonly ChangeKind[] = [
  'time',
  'operator',
  'setting',
  'witness',
  'host',
  'server',
  'manager',
  'fault',
];
/** What kept a decision to act from being none: first what was seen, then what was set. */
const ORDER_TO_STAY: readonly ChangeKind[] = [
  'witness',
  'server',
  'host',
  'manager',
  'setting',
  'operator',
  'time',
  'fault',
];

/** The alternatives as an operator reads them: grouped by what would be done, the most useful first. */
export function counterfactuals(s: Situation, select: Select): readonly Counterfactual[] {
  const base = decide(s, select);
  const order = isAct(base) ? ORDER_TO_STAY : ORDER_TO_ACT;
  const groups = groupBy(alternatives(s, select), ({ decision }) => outcomeOf(decision));
  return [...groups]
    .map(([outcome, members]) => ({
      outcome,
      acts: members.some(({ decision }) => isAct(decision)),
      conditions: conditionsOf(members, order),
    }))
    .sort((a, b) => Number(b.acts) - Number(a.acts));
}

function conditionsOf(members: readonly Alternative[], order: readonly ChangeKind[]): readonly Condition[] {
  const usefulness = ({ changes }: Alternative): number =>
    changes.reduce((sum, { kind }) => sum + order.indexOf(kind), 0) + changes.length * order.length;
  const sorted = members.toSorted((a, b) => usefulness(a) - usefulness(b));
  return [...groupBy(sorted, alike).values()].flatMap((group) => {
    const [first] = group;
    const [change] = first?.changes ?? [];
    if (first === undefined || change === undefined) return [];
    const about = group.flatMap(({ changes: [one] }) => one?.about ?? []);
    const all = about.length > 1 ? [`${about.join(' or ')} ${change.claim}`] : first.changes.map(wordsOf);
    return [{ all, kinds: first.changes.map(({ kind }) => kind), found: foundIn(first.decision) }];
  });
}

/** One claim of several servers is one condition ("db2 or db3 could reach db1"); of one setting the nearest value is told, of all times the next. */
function alike({ changes }: Alternative): string {
  const [first] = changes;
  if (first === undefined || changes.length > 1) return changes.map(wordsOf).join('; ');
  if (first.about !== null) return `${first.kind} ${first.claim}`;
  return first.touches;
}

function wordsOf({ about, claim }: Change): string {
  return about === null ? claim : `${about} ${claim}`;
}

function groupBy<T>(values: readonly T[], key: (value: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const value of values) groups.set(key(value), [...(groups.get(key(value)) ?? []), value]);
  return groups;
}
