import { failoverSteps } from '../../../src/core/plan.js';
import type { Situation } from '../../../src/core/situation.js';
import { hostOf, isGone, recorded, staleness } from './facts.js';
import { type DecisionPromise, all, forced, ofFailover } from './promise.js';

/** What a plan is made of. */
export const PLAN: readonly DecisionPromise[] = [
  ofFailover('P1', 'the fence comes first, and the record after the promotion', (_, plan) => {
    const kinds = failoverSteps(plan).map(({ kind }) => kind);
    const order = ['fence_old_master', 'stop_receivers', 'choose', 'promote', 'prove_writes', 'record'] as const;
    return order.every((kind, index) => kinds[index] === kind);
  }),
  ofFailover('P1', 'the fence is the one that what is known of the host allows', (s, { fence }) => {
    const host = hostOf(s);
    switch (fence.kind) {
      case 'signal':
        return isGone(host);
      case 'kill':
        return host?.postmaster.kind === 'running';
      case 'plugin':
        return host === null && fence.method === s.policy.fence_method;
      case 'owed':
        return host === null && s.policy.fence_method === null;
    }
  }),
  ofFailover(
    'P1',
    'the fencing is owed only where that is allowed, and every replica that answers agrees',
    (s, { fence }) => {
      if (fence.kind !== 'owed' || forced(s)) return true;
      const agree = all(s.closer?.witnesses ?? [], ({ server, port, seen }) => {
        const asked = s.state.servers[server]?.calm?.streaming === true && seen.facts !== null;
        return !asked || port === 'cannot_reach' || seen.facts.receiver?.kind === 'none';
      });
      return agree && !s.policy.require_fencing;
    },
  ),
  ofFailover(
    'rule 8',
    'a frozen master is killed only where failover_on_hung says so',
    (s, { fence }) => fence.kind !== 'kill' || s.policy.failover_on_hung || s.on_demand !== null,
  ),
  ofFailover('rule 6', 'every candidate is fit', (s, { candidates }) =>
    all(candidates, ({ server, lsn, timeline }) => {
      const saved = s.state.servers[server];
      const seen = s.servers[server];
      const facts = seen?.facts ?? null;
      if (saved === undefined || facts === null || seen?.reach.kind !== 'accepting') return false;
      const host = s.closer?.candidate_hosts.find((one) => one.server === server);
      const room = host?.kind !== 'looked' || host.free_bytes === null || host.free_bytes >= 64 * 1024 * 1024;
      const reachable = saved.def.promotion_method !== 'promote_pg_ctl' || host?.kind === 'looked';
      const known = facts.system_identifier !== null && facts.system_identifier === s.state.system_identifier;
      const { enabled, failover_priority, role } = saved.def;
      const mayBe = enabled && failover_priority !== null && role === 'replica' && saved.calm?.streaming === true;
      return mayBe && room && reachable && known && facts.in_recovery && facts.lsn === lsn && timeline > 0;
    }),
  ),
  ofFailover(
    'rule 6',
    'every candidate is on the newest timeline, or knows it and has not left it',
    (s, { candidates }) => {
      const seen = Object.values(s.servers).flatMap(({ facts }) =>
        facts?.timeline != null && facts.system_identifier === s.state.system_identifier ? [facts.timeline] : [],
      );
      const newest = Math.max(s.state.master_position?.timeline ?? 0, ...seen);
      return all(candidates, ({ server, timeline, lsn }) => {
        if (timeline === newest) return true;
        // It would give its own timeline that number a second time.
        if (s.history?.timeline !== newest || !s.history_held_by.includes(server)) return false;
        return s.history.forks.some((fork) => fork.timeline === timeline && lsn <= fork.lsn);
      });
    },
  ),
  ofFailover('rule 6', 'one that is behind by more than its lag limit goes last', (s, { candidates }) => {
    const [first] = candidates;
    const furthest = candidates.reduce((best, { lsn }) => (lsn > best ? lsn : best), first.lsn);
    const far = candidates.map(
      ({ server, lsn }) => Number(furthest - lsn) > (s.state.servers[server]?.def.lag_limit ?? 0),
    );
    return far.every((one, index) => one || far.slice(0, index).every((before) => !before));
  }),
  ofFailover('plan', 'the old master is no candidate and follows nobody yet; who is a candidate follows', (s, plan) => {
    const names = plan.candidates.map(({ server }) => server);
    const once = new Set(names).size === names.length;
    const others = [...names, ...plan.replicas].every((name) => name !== plan.old_master);
    return once && others && plan.old_master === recorded(s) && names.every((name) => plan.replicas.includes(name));
  }),
  ofFailover(
    'plan',
    'the one that was asked for, and no other',
    (s, { candidates }) => s.on_demand?.to == null || candidates.every(({ server }) => server === s.on_demand?.to),
  ),
  ofFailover('max_data_loss', 'no more is given up than the policy allows', (s, _, { loss }) => {
    const { max_data_loss: limit } = s.policy;
    if (loss === null) return false;
    if (forced(s) || limit === 'unlimited' || loss.kind === 'none') return true;
    return limit !== 'none' && loss.kind === 'bounded' && loss.bytes <= limit.bytes;
  }),
  ofFailover('P10', 'a loss is bounded, or none, by what is fresh', (s, _, { loss }) => {
    const host = hostOf(s);
    const byCheckpoint = isGone(host) && host?.control?.state === 'shut down';
    if (loss?.kind === 'bounded') {
      const polled = staleness(s, s.state.master_position?.at) <= 60_000;
      return byCheckpoint || (loss.since === 'heartbeat' ? heardLately(s) : polled);
    }
    return loss?.kind !== 'none' || byCheckpoint || staleness(s, s.state.sync?.at) <= 60_000;
  }),
  ofFailover(
    'loss',
    'what the master was last heard to have, and nobody has, is told',
    (s, { candidates }, { loss }) => {
      if (loss?.kind !== 'bounded' || loss.since !== 'heartbeat' || s.heartbeat === undefined) return true;
      const missing = Number(s.heartbeat.lsn - candidates[0].lsn);
      const host = hostOf(s);
      return (isGone(host) && host?.control?.state === 'shut down') || loss.bytes === Math.max(0, missing);
    },
  ),
];

/** The heartbeat is of the recorded master, of this system, and of the last minute. */
function heardLately(s: Situation): boolean {
  const { heartbeat } = s;
  if (heartbeat?.server !== recorded(s) || heartbeat.system_identifier !== s.state.system_identifier) return false;
  const { silent_since } = s.state;
  const began = silent_since === null ? s.now : Math.min(s.now, Date.parse(silent_since));
  return began - heartbeat.at <= 60_000;
}
