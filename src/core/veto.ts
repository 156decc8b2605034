import type { Veto } from './decision.js';
import type { LostMaster } from './diagnosis.js';
import type { Fitness } from './eligibility.js';
import { type Loss, exceedsLimit } from './loss.js';
import type { FenceWay } from './model.js';
import { isPaused } from './pause.js';
import { type Situation, enabledReplicas } from './situation.js';
import { weighWitness } from './suspicion.js';

/** Rule 10, the part that holds back automatic action only. */
export function automaticVetoes(s: Situation): readonly Veto[] {
  if (s.on_demand !== null) return [];
  const vetoes: Veto[] = [];
  const { state, policy } = s;
  if (!policy.auto_failover) {
    vetoes.push({
      rule: 10,
      name: 'auto_failover_off',
      text: 'auto_failover is false',
      hint: 'promote a replica with `handyrep promote NAME`, or set auto_failover: true',
    });
  }
  const { pause, last_failover: last } = state;
  if (isPaused(pause, s.now)) {
    const until = pause.until === null ? 'until it is resumed' : `until ${pause.until}`;
    const text = `automatic action is paused ${until} (${pause.reason === '' ? 'no reason given' : pause.reason})`;
    vetoes.push({ rule: 10, name: 'paused', text, hint: 'end the pause with `handyrep resume`' });
  }
  if (last !== null && !last.acknowledged) {
    const left = Date.parse(last.ended) + policy.min_failover_interval - s.now;
    if (left > 0) {
      vetoes.push({
        rule: 10,
        name: 'too_soon',
        text: `the last automatic failover ended at ${last.ended}, and min_failover_interval has ${Math.ceil(left / 1000)} s to go`,
        hint: 'end the wait with `handyrep ack`, or promote a replica with `handyrep promote NAME`',
      });
    }
  }
  return vetoes;
}

/**
 * What forbids to make anybody a master, whoever asks for it: a replica was seen to take writes on a newer timeline, which is not on
 * record yet, and cannot be asked now. It may take writes still, and what it took is nowhere else.
 */
export function writerVetoes(s: Situation): readonly Veto[] {
  const { servers, master_position } = s.state;
  return enabledReplicas(s.state).flatMap((name): Veto[] => {
    const known = servers[name]?.facts ?? null;
    if (known === null || known.in_recovery || s.servers[name]?.facts != null) return [];
    if ((known.timeline ?? 0) <= (master_position?.timeline ?? 0)) return [];
    const text = `${name} was seen to take writes on timeline ${known.timeline ?? '?'} at ${known.at}, and cannot be asked now`;
    const hint = `bring ${name} back; or, when it is lost for good, \`handyrep server disable ${name}\``;
    return [{ rule: 10, name: 'writer_unasked', text, hint }];
  });
}

/** A failover that is being considered. */
interface Undertaking {
  readonly lost: LostMaster;
  readonly fence: FenceWay;
  readonly loss: Loss | null;
  readonly fitness: readonly Fitness[];
}

/** What forbids this failover whoever asks for it, unless forced where that can be. */
export function lossVetoes(s: Situation, { lost, fence, loss, fitness }: Undertaking): readonly Veto[] {
  const vetoes: Veto[] = [];
  const force = s.on_demand?.force === true;
  if (loss === null) vetoes.push(noCandidate(fitness));
  const tooMuch = loss === null || force ? null : exceedsLimit(loss, s.policy.max_data_loss);
  if (tooMuch !== null) {
    const hint = 'accept the loss with `handyrep promote NAME --force`, or bring the old master back';
    vetoes.push({ rule: 10, name: 'too_much_loss', text: tooMuch, hint });
  }
  if (lost.kind === 'master_hung' && !s.policy.failover_on_hung && s.on_demand === null) {
    const hint = 'look at its disk and processes, or promote a replica with `handyrep promote NAME`';
    vetoes.push({ rule: 8, name: 'hung_left_alone', text: 'failover_on_hung is false', hint });
  }
  if (fence.kind === 'owed' && s.policy.require_fencing && !force) {
    vetoes.push({
      rule: 9,
      name: 'fencing_required',
      text: 'require_fencing is true, and nothing proves that the old master is stopped',
      hint: 'configure a fence_method; or make sure that its host is off and run `handyrep promote NAME --force`',
    });
  }
  const unsure = fence.kind === 'owed' && !force ? unsureWitnesses(s, lost.master) : [];
  if (unsure.length > 0) {
    vetoes.push({
      rule: 9,
      name: 'witness_unsure',
      text: `${unsure.join(', ')} cannot say whether ${lost.master} lives, and nothing fences it`,
      hint: 'let HandyRep run commands on the hosts of the replicas, or configure a fence_method',
    });
  }
  return vetoes;
}

/** With nothing to fence by, every replica that answers must say that it has lost the master too. */
function unsureWitnesses(s: Situation, master: string): readonly string[] {
  const verdicts = (s.closer?.witnesses ?? []).map((look) => weighWitness(s, look, master));
  return verdicts.flatMap((verdict) => (verdict.testimony === 'silent' ? [verdict.server] : []));
}

function noCandidate(fitness: readonly Fitness[]): Veto {
  const reasons = fitness.map((one) => {
    const why =
      one.unfit.length === 0 ? 'the selection method left it out' : one.unfit.map(({ text }) => text).join(', ');
    return `${one.server}: ${why}`;
  });
  const text = reasons.length === 0 ? 'there is no replica' : `no replica is fit (${reasons.join('; ')})`;
  return {
    rule: 10,
    name: 'no_candidate',
    text,
    hint: 'mend what is named for a replica, or bring the old master back',
  };
}

/** The row of rule 10, which no diagnosis names. */
export const VETO_RULE = {
  number: 10,
  when: 'auto_failover is false, paused, inside min_failover_interval, another was seen to take writes, too much would be lost, or no replica is fit',
  then: 'say so, change nothing, code 1',
} as const;
