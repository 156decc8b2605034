import { answer } from './answer.js';
import type { Decision, Veto } from './decision.js';
import { diagnose } from './diagnose.js';
import { type Diagnosed, type LostMaster, isLost, isProcessGone } from './diagnosis.js';
import { judgeFitness } from './eligibility.js';
import { assessLoss, describeFailoverLoss } from './loss.js';
import type { Candidate, FailoverPolicy, FenceWay } from './model.js';
import { planFrom } from './plan.js';
import { type Select, rank } from './rank.js';
import { type Situation, enabledReplicas } from './situation.js';
import { managerSickness, unwritable } from './suspicion.js';
import { automaticVetoes, lossVetoes, writerVetoes } from './veto.js';

/** One decision from one situation. `select` is the configured selection method. */
export function decide(s: Situation, select: Select): Decision {
  const diagnosed = diagnose(s);
  const decision = isLost(diagnosed.diagnosis)
    ? decideLost(s, select, diagnosed, diagnosed.diagnosis)
    : { ...base(diagnosed), ...answer(diagnosed.diagnosis) };
  return guardAgainstOurselves(s, decision);
}

function base(diagnosed: Diagnosed): Pick<Decision, 'rule' | 'diagnosis' | 'evidence' | 'vetoes' | 'fitness' | 'loss'> {
  return { ...diagnosed, vetoes: [], fitness: [], loss: null };
}

/** Rule 7 to 10 for a master that is believed lost: how it is fenced, who takes over, and what forbids it. */
function decideLost(s: Situation, select: Select, diagnosed: Diagnosed, lost: LostMaster): Decision {
  const { policy } = s;
  const fitness = judgeFitness(s);
  const candidates = rank(fitness, select);
  const [first] = candidates;
  const loss = first === undefined ? null : assessLoss(s, first, fitness);
  const fence = fenceWay(lost, policy);
  const hint = 'bring it back, or promote a replica with `handyrep promote NAME`';
  const common = {
    ...base(diagnosed),
    fitness,
    loss,
    hint: null,
    cluster_status: 'down',
    success: false,
    alarm: true,
  } as const;
  if (mayRestart(s, lost)) {
    const vetoes = [...automaticVetoes(s), ...writerVetoes(s)];
    if (vetoes.length > 0) return vetoed({ ...common, hint }, lost, vetoes);
    const details = `${describeLost(lost)}: it is started again (restart_master)`;
    return { ...common, action: { kind: 'restart_master', server: lost.master }, details };
  }
  const vetoes = [...automaticVetoes(s), ...writerVetoes(s), ...lossVetoes(s, { lost, fence, loss, fitness })];
  if (first === undefined || loss === null || vetoes.length > 0) return vetoed({ ...common, hint }, lost, vetoes);
  const remaster = policy.remaster && s.on_demand?.no_remaster !== true;
  const plan = planFrom(
    { old_master: lost.master, fence, candidates: nonEmpty(first, candidates), replicas: followers(s) },
    { ...policy, remaster },
  );
  const details = `${describeLost(lost)}: failing over to ${first.server}, loss ${describeFailoverLoss(loss, lost.master, fence)}`;
  return { ...common, action: { kind: 'fail_over', plan }, details };
}

function nonEmpty(first: Candidate, all: readonly Candidate[]): readonly [Candidate, ...Candidate[]] {
  return [first, ...all.slice(1)];
}

type Undecided = Omit<Decision, 'action' | 'details'>;

function vetoed(common: Undecided, lost: LostMaster, vetoes: readonly Veto[]): Decision {
  const reasons = vetoes.map((veto) => veto.text).join('; ');
  const rule = Math.max(...vetoes.map((veto) => veto.rule));
  const hint = [...new Set(vetoes.map((veto) => veto.hint))].join('; ');
  const details = `${describeLost(lost)}, and no failover is made: ${reasons}`;
  return { ...common, rule, vetoes, hint, action: { kind: 'none' }, details };
}

function describeLost(lost: LostMaster): string {
  switch (lost.kind) {
    case 'master_crashed':
      return `the master ${lost.master} has crashed`;
    case 'master_shut_down':
      return `the master ${lost.master} was shut down`;
    case 'master_stopped':
      return `the master ${lost.master} is not running`;
    case 'master_hung':
      return `the master ${lost.master} hangs: its process lives and answers nobody`;
    case 'master_host_lost':
      return `the master ${lost.master} answers nobody, and its host cannot be asked`;
  }
}

function fenceWay(lost: LostMaster, policy: FailoverPolicy): FenceWay {
  switch (lost.kind) {
    case 'master_crashed':
    case 'master_shut_down':
    case 'master_stopped':
      return { kind: 'signal' };
    case 'master_hung':
      return { kind: 'kill' };
    case 'master_host_lost':
      return policy.fence_method === null ? { kind: 'owed' } : { kind: 'plugin', method: policy.fence_method };
  }
}

function mayRestart(s: Situation, lost: LostMaster): boolean {
  if (!s.policy.restart_master || s.restart_failed !== null || s.on_demand !== null) return false;
  return isProcessGone(lost);
}

/** Every enabled replica that lets us in, fit or not: whoever follows must follow the new master. */
function followers(s: Situation): readonly string[] {
  return enabledReplicas(s.state).filter((name) => {
    const { facts = null } = s.servers[name] ?? {};
    return facts !== null && facts.in_recovery && facts.system_identifier === s.state.system_identifier;
  });
}

/** Rule 0 as a guard: when we are not to be trusted, whatever was decided is reported and not done. */
function guardAgainstOurselves(s: Situation, decision: Decision): Decision {
  if (decision.action.kind === 'none' || decision.action.kind === 'look') return decision;
  // An operator who asks for an act vouches for this host; what cannot be journalled is not done for anybody.
  const sickness = s.on_demand === null ? managerSickness(s) : unwritable(s);
  if (sickness.length === 0) return decision;
  const vetoes = sickness.map((one): Veto => ({
    rule: 0,
    name: 'manager_sick',
    text: one.text,
    hint: 'the next round decides anew',
  }));
  return {
    ...decision,
    rule: 0,
    action: { kind: 'none' },
    details: `${decision.details} — not now: ${sickness.map((one) => one.text).join('; ')}`,
    hint: 'the next round decides anew',
    evidence: [...decision.evidence, ...sickness],
    vetoes: [...decision.vetoes, ...vetoes],
    cluster_status: 'unknown',
    success: false,
    alarm: true,
  };
}
