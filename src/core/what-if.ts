import type { Decision } from './decision.js';
import { isLost } from './diagnosis.js';
import { roughDuration } from './duration.js';
import { type Fault, MANAGER, describeFault, imagine } from './imagine.js';
import type { FailoverPolicy, LossLimit } from './model.js';
import { isPaused } from './pause.js';
import type { Select } from './rank.js';
import { byPriority, furthestAhead } from './select.js';
import { type Situation, recordedMaster } from './situation.js';
import { managerSickness, unwritable } from './suspicion.js';
import { serverChanges } from './what-if-servers.js';

/** What a change is about, for the order in which changes are told. */
export type ChangeKind = 'time' | 'operator' | 'setting' | 'manager' | 'witness' | 'host' | 'server' | 'fault';

/** One thing that could be otherwise. */
export interface Change {
  readonly kind: ChangeKind;
  /** Who; null: the claim is whole. Changes of one claim are told together: "db2 or db3 could reach db1". */
  readonly about: string | null;
  /** "could reach db1": with `about` before it, the words after "if". */
  readonly claim: string;
  /** What is set by it: two changes of the same thing do not go together. */
  readonly touches: string;
  readonly apply: (s: Situation) => Situation;
  /** Another order of the candidates. */
  readonly select?: Select;
}

/** What an operator's word touches. */
export const DEMAND = 'demand';

/** Every single thing that is tried: time, what an operator can do, settings, our own host, and what was answered. */
export function changesOf(s: Situation, decision: Decision): readonly Change[] {
  const master = recordedMaster(s.state);
  return [
    ...timePassing(s),
    ...operatorActs(s, decision),
    ...settings(s, decision),
    ...ownHost(s),
    ...(master === null ? [] : [...serverChanges(s, master, decision), ...faults(master, decision)]),
  ];
}

/** The moments at which waiting ends by itself. */
function timePassing(s: Situation): readonly Change[] {
  const { pause, last_failover: last } = s.state;
  const moments: { readonly at: number; readonly what: string }[] = [];
  if (isPaused(pause, s.now) && pause.until !== null) {
    moments.push({ at: Date.parse(pause.until), what: 'the pause ends' });
  }
  if (last !== null && !last.acknowledged) {
    const at = Date.parse(last.ended) + s.policy.min_failover_interval;
    if (at > s.now) moments.push({ at, what: 'min_failover_interval is over' });
  }
  return moments.map(({ at, what }) => ({
    kind: 'time',
    about: null,
    claim: `${what} (at ${new Date(at).toISOString()}, ${roughDuration(at - s.now)} after this decision)`,
    touches: 'time',
    apply: (before) => ({ ...before, now: at }),
  }));
}

function operatorActs(s: Situation, decision: Decision): readonly Change[] {
  const { pause, last_failover: last, operation } = s.state;
  const change = (touches: string, claim: string, state: Partial<Situation['state']>): Change => ({
    kind: 'operator',
    about: null,
    claim,
    touches,
    apply: (before) => ({ ...before, state: { ...before.state, ...state } }),
  });
  const acts: Change[] = [];
  if (isPaused(pause, s.now)) acts.push(change('pause', 'the pause were ended (`handyrep resume`)', { pause: null }));
  else if (isAutomaticAct(s, decision)) {
    const paused = { since: new Date(s.now).toISOString(), until: null, reason: '' };
    acts.push(change('pause', 'automatic action were paused (`handyrep pause`)', { pause: paused }));
  }
  if (last !== null && !last.acknowledged) {
    const claim = 'the last failover were acknowledged (`handyrep ack`)';
    acts.push(change('ack', claim, { last_failover: { ...last, acknowledged: true } }));
  }
  if (operation !== null) acts.push(change('operation', 'the operation were finished', { operation: null }));
  if (s.on_demand === null && isLost(decision.diagnosis)) {
    acts.push(demand('an operator asked for it (`handyrep failover`)', false));
    acts.push(demand('an operator forced it (`handyrep failover --force`)', true));
  }
  return acts;
}

function demand(claim: string, force: boolean): Change {
  const on_demand = { to: null, force };
  return { kind: 'operator', about: null, claim, touches: DEMAND, apply: (s) => ({ ...s, on_demand }) };
}

function isAutomaticAct({ on_demand }: Situation, { action }: Decision): boolean {
  return on_demand === null && (action.kind === 'fail_over' || action.kind === 'restart_master');
}

function settings(s: Situation, decision: Decision): readonly Change[] {
  const { policy } = s;
  const flip = (key: 'auto_failover' | 'restart_master' | 'require_fencing' | 'failover_on_hung'): Change =>
    setting(key, `${key} were ${String(!policy[key])}`, { [key]: !policy[key] });
  const order = (name: string, select: Select): Change => ({
    ...setting('selection_method', `selection_method were ${name}`, {}),
    select,
  });
  return [
    flip('auto_failover'),
    flip('restart_master'),
    flip('failover_on_hung'),
    flip('require_fencing'),
    policy.fence_method === null
      ? setting('fence_method', 'a fence_method were set', { fence_method: 'fence_command' })
      : setting('fence_method', 'no fence_method were set', { fence_method: null }),
    ...witnessCounts(s),
    ...lossLimits(decision, policy.max_data_loss),
    setting('min_failover_interval', 'min_failover_interval were 0', { min_failover_interval: 0 }),
    order('select_replica_priority', byPriority),
    order('select_replica_furthest_ahead', furthestAhead),
  ];
}

function setting(key: string, claim: string, change: Partial<FailoverPolicy>): Change {
  const apply = (s: Situation): Situation => ({ ...s, policy: { ...s.policy, ...change } });
  return { kind: 'setting', about: null, claim, touches: key, apply };
}

/** Other numbers of witnesses, the nearest first: none, one fewer, one more, and all. */
function witnessCounts({ policy: { min_witnesses }, state }: Situation): readonly Change[] {
  const all = Object.keys(state.servers).length;
  const numbers = new Set([min_witnesses - 1, min_witnesses + 1, 0, all]);
  return [...numbers]
    .filter((number) => number >= 0 && number !== min_witnesses)
    .sort((a, b) => Math.abs(a - min_witnesses) - Math.abs(b - min_witnesses))
    .map((number) => setting('min_witnesses', `min_witnesses were ${number.toString()}`, { min_witnesses: number }));
}

function lossLimits({ loss }: Decision, limit: LossLimit): readonly Change[] {
  const change = (words: string, max_data_loss: LossLimit): Change =>
    setting('max_data_loss', `max_data_loss were ${words}`, { max_data_loss });
  if (limit === 'unlimited') return [change('none', 'none')];
  const enough = loss?.kind === 'bounded' ? [change(`${loss.bytes} bytes`, { bytes: loss.bytes })] : [];
  return [...enough, change('unlimited', 'unlimited')];
}

function ownHost(s: Situation): readonly Change[] {
  const change = (touches: string, claim: string, apply: Change['apply']): Change => ({
    kind: 'manager',
    about: null,
    claim,
    touches,
    apply,
  });
  const { manager } = s;
  const changes: Change[] = [];
  if (managerSickness(s).length > unwritable(s).length) {
    const { boot_id, wall_ms, uptime_ms } = manager;
    const clock = { boot_id, wall_ms, uptime_ms };
    const steady = { ...manager, began: { wall_ms, uptime_ms } };
    const claim = 'this were a later round on this host, and its clock had not jumped';
    const apply = (before: Situation): Situation => ({ ...before, manager: steady, state: { ...before.state, clock } });
    changes.push(change('clock', claim, apply));
  }
  if (manager.state_unwritable !== null) {
    const well = { ...manager, state_unwritable: null };
    changes.push(change('disk', 'the saved state could be written', (before) => ({ ...before, manager: well })));
  }
  if (!s.active.active) {
    const active = { active: true, detail: '' };
    changes.push(change('active', 'this HandyRep were the active one', (before) => ({ ...before, active })));
  }
  const { made, wanted } = s.attempts;
  if (s.trouble_since !== null && made < wanted) {
    const all = { made: wanted, wanted };
    const claim = `all ${wanted.toString()} looks had been made in vain, not ${made.toString()}`;
    changes.push(change('attempts', claim, (before) => ({ ...before, attempts: all })));
  }
  return changes;
}

/** While all is well: what the next faults would lead to. */
function faults(master: string, decision: Decision): readonly Change[] {
  if (decision.diagnosis.kind !== 'master_healthy') return [];
  const imagined = (fault: Fault): Change => ({
    kind: 'fault',
    about: null,
    claim: describeFault(fault).replace(' is ', ' was ').replace('cannot', 'could not'),
    touches: `fault ${fault.kind}`,
    apply: (before) => imagine(before, [fault]),
  });
  return [
    imagined({ kind: 'kill', server: master }),
    imagined({ kind: 'freeze', server: master }),
    imagined({ kind: 'busy', server: master }),
    imagined({ kind: 'cut', ends: [MANAGER, master] }),
  ];
}
