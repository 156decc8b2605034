import type { Decision } from '../../../src/core/decision.js';
import type { Situation } from '../../../src/core/situation.js';
import { actsOnServers, hostOf, isGone, isOurs, isSick, mayStillWrite, recorded, seenMaster, writes } from './facts.js';
import { type DecisionPromise, all, ofFailover } from './promise.js';
import { PLAN } from './promises-plan.js';
import { WORDS } from './promises-words.js';

/** P1, P2 and the rules about who may be promoted, and when. */
const WHEN: readonly DecisionPromise[] = [
  ofFailover(
    'P1',
    'nobody is promoted while anything says that the old master lives',
    (s) => mayStillWrite(s) === null,
  ),
  ofFailover('P1', 'nobody is promoted beside another server that takes writes', (s) =>
    all(Object.values(s.servers), (seen) => seen.server === recorded(s) || !writes(seen) || !isOurs(s, seen)),
  ),
  {
    of: 'P1',
    name: 'nobody becomes a master while a server that took writes on a newer timeline cannot be asked',
    holds: (s, { action }) => {
      if (action.kind !== 'fail_over' && action.kind !== 'restart_master') return true;
      const recordedTimeline = s.state.master_position?.timeline ?? 0;
      return all(Object.entries(s.state.servers), ([name, { def, facts }]) => {
        if (!def.enabled || def.role !== 'replica' || s.servers[name]?.facts != null) return true;
        return facts === null || facts.in_recovery || (facts.timeline ?? 0) <= recordedTimeline;
      });
    },
  },
  ofFailover('P2', 'nobody is promoted before everybody was asked', (s) => s.closer !== null),
  ofFailover('P2', 'only an answer that can mean death means death', (s) => {
    const kind = seenMaster(s)?.reach.kind;
    return kind === 'refused' || kind === 'timeout' || kind === 'unreachable';
  }),
  ofFailover('P2', 'every retry was made, unless the host proved a crash or, with all begun, a stop', (s) => {
    const host = hostOf(s);
    if (host?.postmaster.kind === 'running' && host.postmaster.state === 'T' && host.port === 'cannot_reach')
      return (s.attempts.begun ?? s.attempts.made) >= s.attempts.wanted;
    return s.attempts.made >= s.attempts.wanted || (isGone(host) && host?.control?.state === 'in production');
  }),
  ofFailover('P2', 'enough replicas confirm it', (s) => {
    const gone = isGone(hostOf(s));
    const confirm = (s.closer?.witnesses ?? []).filter(({ server, port, seen }) => {
      if (s.state.servers[server]?.calm?.streaming !== true) return false;
      return port === 'cannot_reach' || seen.facts?.receiver?.kind === 'none' || (gone && seen.facts !== null);
    });
    return confirm.length >= s.policy.min_witnesses;
  }),
  ofFailover('P2', 'a host that cannot tell is no proof', (s) => {
    const host = hostOf(s);
    if (host === null) return true;
    if (host.postmaster.kind === 'unknown') return false;
    if (host.postmaster.kind === 'running')
      return host.port === 'cannot_reach' && seenMaster(s)?.reach.kind === 'timeout';
    const { control } = host;
    const replica = control?.state === 'shut down in recovery' || control?.state === 'in archive recovery';
    if (control === null || replica) return false;
    return s.state.system_identifier === null || control.system_identifier === s.state.system_identifier;
  }),
  {
    of: 'P2',
    name: 'two servers that take writes are never acted on, but for a former master',
    holds: (s, { action }) => {
      const many = Object.values(s.servers).filter((seen) => writes(seen) && isOurs(s, seen) && !seen.facts?.read_only);
      return many.length < 2 || !actsOnServers(action) || action.kind === 'fence_returned' || action.kind === 'resume';
    },
  },
  {
    of: 'P9',
    name: 'a sick manager does nothing by itself; what cannot be journalled is not done at all',
    holds: (s, { action }) => {
      if (s.on_demand !== null) return s.manager.state_unwritable === null || !actsOnServers(action);
      return !isSick(s) || !actsOnServers(action);
    },
  },
  {
    of: 'P9',
    name: 'where nothing answers, and our resolver fails, nothing is done',
    holds: (s, { action }) => {
      const mute = Object.values(s.servers).every(({ reach }) =>
        ['timeout', 'unreachable', 'unresolved'].includes(reach.kind),
      );
      const told =
        s.closer !== null && [s.closer.host, ...s.closer.candidate_hosts].some((one) => one.kind === 'looked');
      if (seenMaster(s)?.reach.kind === 'unresolved') return action.kind === 'none';
      return !mute || told || Object.keys(s.servers).length === 0 || action.kind === 'none';
    },
  },
  {
    of: 'rule 1',
    name: 'a HandyRep that is not the active one does nothing',
    holds: (s, { action }) => s.active.active || action.kind === 'none',
  },
  {
    of: 'P3',
    name: 'nothing is begun beside an unfinished operation',
    holds: (s, { action }) => s.state.operation === null || action.kind === 'resume' || action.kind === 'none',
  },
  {
    of: 'P3',
    name: 'nothing is resumed where nothing is unfinished',
    holds: (s, { action }) => action.kind !== 'resume' || s.state.operation !== null,
  },
  {
    of: 'rule 10',
    name: 'what holds back automatic action holds it back',
    holds: (s, { action }) => {
      if (s.on_demand !== null || (action.kind !== 'fail_over' && action.kind !== 'restart_master')) return true;
      const { pause, last_failover: last } = s.state;
      const paused = pause !== null && (pause.until === null || s.now < Date.parse(pause.until));
      const waits =
        last !== null && !last.acknowledged && s.now < Date.parse(last.ended) + s.policy.min_failover_interval;
      return s.policy.auto_failover && !paused && !waits;
    },
  },
];

/** Every other act. */
const ACTS: readonly DecisionPromise[] = [
  {
    of: 'rule 3',
    name: 'only a former master that takes writes is stopped',
    holds: (s, { action }) =>
      action.kind !== 'fence_returned' ||
      all(action.servers, (name) => {
        const seen = s.servers[name];
        const former = s.state.former_masters.find((one) => one.server === name);
        const newer = former?.timeline != null && (seen?.facts?.timeline ?? 0) >= former.timeline;
        return (
          seen !== undefined &&
          writes(seen) &&
          isOurs(s, seen) &&
          former !== undefined &&
          !newer &&
          name !== recorded(s)
        );
      }),
  },
  {
    of: 'rule 5',
    name: 'a promotion by hand is believed only where nobody else can be meant',
    holds: (s, { action }) => {
      if (action.kind !== 'record_master') return true;
      const ours = Object.values(s.servers).filter((seen) => writes(seen) && isOurs(s, seen) && !seen.facts?.read_only);
      const { facts = null } = s.servers[action.new_master] ?? {};
      if (facts === null) return false;
      const old = seenMaster(s);
      const gone = old === null || ['refused', 'timeout', 'unreachable'].includes(old.reach.kind);
      const given = old?.facts?.in_recovery === true || old?.facts?.read_only === true;
      return (
        action.old_master === recorded(s) &&
        ours.length === 1 &&
        ours[0]?.server === action.new_master &&
        facts.system_identifier === s.state.system_identifier &&
        (facts.timeline ?? 0) > (s.state.master_position?.timeline ?? 0) &&
        s.state.servers[action.new_master]?.def.enabled === true &&
        (given || (gone && s.attempts.made >= s.attempts.wanted))
      );
    },
  },
  {
    of: 'rule 7',
    name: 'only a master whose process is gone is started again, where restart_master says so, and once',
    holds: (s, { action }) => {
      if (action.kind !== 'restart_master') return true;
      const asked = s.policy.restart_master && s.on_demand === null && s.restart_failed === null;
      return asked && action.server === recorded(s) && isGone(hostOf(s)) && mayStillWrite(s) === null;
    },
  },
];

const PROMISES: readonly DecisionPromise[] = [...WHEN, ...PLAN, ...ACTS, ...WORDS];

/** The promises that a decision breaks. */
export function broken(s: Situation, decision: Decision): readonly string[] {
  return PROMISES.flatMap(({ of, name, holds }) => (holds(s, decision) ? [] : [`${of}: ${name}`]));
}
