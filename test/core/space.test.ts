import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { decide } from '../../src/core/decide.js';
import { evidenceEntry } from '../../src/core/evidence.js';
import { verdictOf } from '../../src/core/verdict.js';
import { formatLine, parseEvidence } from '../../src/report/evidence-line.js';
import type { Decision } from '../../src/core/decision.js';
import type { DiagnosisKind } from '../../src/core/diagnosis.js';
import type { PortLook } from '../../src/core/observation.js';
import { ruleTable } from '../../src/core/rules.js';
import { byPriority, furthestAhead } from '../../src/core/select.js';
import type { Situation } from '../../src/core/situation.js';
import { TROUBLE, lookedCloser, situation } from './build.js';
import { covering, differences, product } from './space/covering.js';
import {
  type Answer,
  CIRCUMSTANCE_LEVELS,
  HOST_ANSWERS,
  MASTER_ANSWERS,
  REPLICA_ANSWERS,
  UNFINISHED,
  answerOf,
  circumstances,
} from './space/dimensions.js';
import { broken } from './space/promises.js';

/*
 * The promises of the decision core, held against the abstract space of situations.
 *
 * What a diagnosis is made from interacts in every way, so there every combination is tried: how each of three servers answers,
 * what the master's host says, what each witness says, and whether the retries were made. Everything else (policy, requests, our
 * own health, what is remembered, disks, definitions) can only hold back or colour what such a situation leads to: it is varied
 * wherever something would be done, by every row that has two circumstances out of the ordinary, and by rows of many in which
 * every pair stands at least once. What forbids automatic action interacts again, and is a full product over the lost masters.
 *
 * The normal run leaves out what is the same but for the names db2 and db3, and gives each situation a few of the rows in turn;
 * `npm run test:exhaustive` has both, many rows for each, rows of every three, and each product whole.
 */

const EXHAUSTIVE = process.env['EXHAUSTIVE'] === '1';
const ROWS = [...differences(CIRCUMSTANCE_LEVELS, 2), ...covering(CIRCUMSTANCE_LEVELS, EXHAUSTIVE ? 3 : 2)];
/** How many of the rows one situation gets, in turn. */
const ROWS_EACH = EXHAUSTIVE ? 24 : 6;
/** One in so many is recorded and read again, which takes ten times as long as to decide. */
const RECORDED_EACH = EXHAUSTIVE ? 13 : 41;
/** A line at the terminal for so many. */
const PROGRESS_EACH = 1_000_000;
const PORTS: readonly PortLook[] = ['reaches', 'cannot_reach', 'cannot_look', 'unresolved'];

const calm = situation();

interface Asked {
  readonly host: string;
  readonly db2: PortLook;
  readonly db3: PortLook;
}

const ASKED: readonly Asked[] = Object.keys(HOST_ANSWERS).flatMap((host) =>
  PORTS.flatMap((db2) => PORTS.map((db3) => ({ host, db2, db3 }))),
);

/** Every way in which the three servers can answer. */
function* answers(): Generator<{ readonly silent: boolean; readonly s: Situation }> {
  for (const master of MASTER_ANSWERS) {
    for (const [index, a] of REPLICA_ANSWERS.entries()) {
      for (const b of EXHAUSTIVE ? REPLICA_ANSWERS : REPLICA_ANSWERS.slice(index)) {
        const looks = (
          [
            ['db1', master],
            ['db2', a],
            ['db3', b],
          ] satisfies [string, Answer][]
        ).flatMap(([name, answer]) => {
          const seen = answerOf(name, answer);
          return seen === null ? [] : [[name, seen] as const];
        });
        const silent = ['refused', 'timeout', 'unreachable'].includes(master);
        const s = { ...calm, servers: Object.fromEntries(looks), trouble_since: silent ? TROUBLE : null };
        yield { silent, s };
      }
    }
  }
}

/** Every diagnosis that looks can lead to, under the default policy. */
function* seen(): Generator<Situation> {
  for (const { silent, s } of answers()) {
    for (const attempts of [
      { made: 1, wanted: 4 },
      { made: 2, wanted: 4, begun: 4 },
      { made: 4, wanted: 4 },
    ]) {
      const tried = { ...s, attempts };
      yield tried;
      if (!silent) continue;
      for (const { host, db2, db3 } of ASKED) {
        const look = HOST_ANSWERS[host];
        if (look !== undefined) yield lookedCloser(look, { db2, db3 })(tried);
      }
    }
  }
}

/** Whether something would be done, so that what else there is makes a difference. */
function isEventful({ action, fitness }: Decision): boolean {
  return (action.kind !== 'none' && action.kind !== 'look') || fitness.length > 0;
}

class Tally {
  readonly faults = new Map<string, string>();
  readonly counts = new Map<DiagnosisKind, Map<string, number>>();
  total = 0;

  /** Decides, and holds the promises against the decision. */
  check(s: Situation, about: () => string): Decision {
    const select = this.total % 2 === 0 ? furthestAhead : byPriority;
    const decision = decide(s, select);
    this.total++;
    const row = this.counts.get(decision.diagnosis.kind) ?? new Map<string, number>();
    this.counts.set(decision.diagnosis.kind, row);
    row.set(decision.action.kind, (row.get(decision.action.kind) ?? 0) + 1);
    const faults = [...broken(s, decision)];
    if (this.total % 101 === 0) {
      const before = structuredClone(s);
      if (!isDeepStrictEqual(decide(before, select), decision)) faults.push('the same situation, the same decision');
      if (!isDeepStrictEqual(before, s)) faults.push('a decision changes nothing of what it was made from');
    }
    if (
      this.total % RECORDED_EACH === 0 &&
      !isDeepStrictEqual(verdictOf(decide(recorded(s), select)), verdictOf(decision))
    ) {
      faults.push('recorded and read again, the same decision');
    }
    if (this.total % PROGRESS_EACH === 0) process.stdout.write(`${this.total} situations\n`);
    for (const fault of faults) {
      if (!this.faults.has(fault)) {
        this.faults.set(fault, `${decision.diagnosis.kind} ${decision.action.kind} ${words(s)} ${about()}`);
      }
    }
    return decision;
  }

  table(): string {
    const actions = ['none', 'look', 'resume', 'fence_returned', 'record_master', 'restart_master', 'fail_over'];
    const line = (name: string, cells: readonly string[]): string =>
      `${name.padEnd(24)}${cells.map((cell) => cell.padStart(15)).join('')}`;
    const rows = [...this.counts].toSorted(([a], [b]) => (a < b ? -1 : 1));
    return [
      `${this.total} situations, ${ROWS.length} rows of circumstances`,
      line('', actions),
      ...rows.map(([kind, row]) =>
        line(
          kind,
          actions.map((action) => (row.get(action) ?? 0).toString()),
        ),
      ),
    ].join('\n');
  }
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

function words(s: Situation): string {
  const looks = ['db1', 'db2', 'db3', 'db4'].flatMap((name) => {
    const one = s.servers[name];
    if (one === undefined) return [];
    const { facts, reach } = one;
    return [
      `${name} ${facts === null ? reach.kind : `${facts.in_recovery ? 'replica' : 'master'}@${facts.timeline ?? '?'}`}`,
    ];
  });
  const host = Object.entries(HOST_ANSWERS).find(([, look]) => look === s.closer?.host)?.[0] ?? 'not asked';
  const ports = s.closer?.witnesses.map(({ port }) => port) ?? [];
  return `${looks.join(', ')}; host ${host}; ${ports.join(' ')}; ${s.attempts.made} of ${s.attempts.wanted}`;
}

function rowWords(row: Readonly<Record<string, string>>): string {
  return Object.entries(row)
    .map(([name, level]) => `${name}=${level}`)
    .join(' ');
}

/** What decides together whether a lost master is replaced. */
const HOLDS_BACK = [
  'auto_failover',
  'require_fencing',
  'fence_method',
  'restart_master',
  'restart_failed',
  'failover_on_hung',
  'max_data_loss',
  'pause',
  'last_failover',
  'on_demand',
  'ourselves',
] as const;

/** The ways to lose a master: for each the host, the answer and who can say so. */
const LOSSES: readonly (readonly [keyof typeof HOST_ANSWERS, 'refused' | 'timeout' | 'unreachable', PortLook])[] = [
  ['crashed', 'refused', 'cannot_reach'],
  ['shut_down', 'refused', 'cannot_look'],
  ['starting_up', 'timeout', 'cannot_reach'],
  ['frozen', 'timeout', 'cannot_reach'],
  ['no_answer', 'unreachable', 'cannot_reach'],
  ['no_answer', 'timeout', 'cannot_look'],
];

describe('every situation', () => {
  it('keeps the promises', () => {
    const tally = new Tally();
    let turn = 0;
    for (const s of seen()) {
      if (!isEventful(tally.check(s, () => ''))) continue;
      const rows = Array.from({ length: ROWS_EACH }, () => ROWS[turn++ % ROWS.length] ?? {});
      for (const row of rows) tally.check(circumstances(row)(s), () => rowWords(row));
    }
    const levels = Object.fromEntries(HOLDS_BACK.map((name) => [name, CIRCUMSTANCE_LEVELS[name] ?? []] as const));
    let at = 0;
    for (const row of product(levels)) {
      const change = circumstances(row);
      for (const [index, [host, kind, port]] of LOSSES.entries()) {
        // The normal run tries each row with one of the losses in turn.
        const look = HOST_ANSWERS[host];
        if (look === undefined || (!EXHAUSTIVE && at % LOSSES.length !== index)) continue;
        const master = answerOf('db1', kind);
        const servers = master === null ? calm.servers : { ...calm.servers, db1: master };
        const silent = { ...calm, servers, trouble_since: TROUBLE, attempts: { made: 4, wanted: 4 } };
        tally.check(change(lookedCloser(look, { db2: port, db3: port })(silent)), () => rowWords(row));
      }
      at++;
    }
    for (const { name, change } of UNFINISHED) {
      for (const { s } of answers()) {
        if (!EXHAUSTIVE && turn++ % 11 !== 0) continue;
        tally.check(change(s), () => name);
        const row = ROWS[turn % ROWS.length] ?? {};
        tally.check(circumstances(row)(change(s)), () => `${name} ${rowWords(row)}`);
      }
    }
    console.log(tally.table());
    expect(Object.fromEntries(tally.faults)).toEqual({});
    const possible = ruleTable().flatMap(({ situations }) => situations);
    expect([...tally.counts.keys(), 'no_master_recorded'].toSorted()).toEqual([...new Set(possible)].toSorted());
  }, 3_600_000);
});
