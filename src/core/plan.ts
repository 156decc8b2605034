import type { Candidate, FailoverPolicy, FenceWay, JournalledStep, Step } from './model.js';

/** Everything a failover needs to be carried out. There is no such thing as a plan without a fence or a candidate. */
export interface FailoverPlan {
  readonly old_master: string;
  readonly fence: FenceWay;
  readonly candidates: readonly [Candidate, ...Candidate[]];
  /** Enabled replicas that answer: their WAL receivers are stopped, and they follow the new master afterwards. */
  readonly replicas: readonly string[];
  readonly connection_method: string | null;
  readonly remaster: boolean;
}

/** Commands of the operator's own that are run before anything is touched, in this order, and may veto. */
export interface BeforeHook {
  readonly commands: readonly string[];
  /** A veto does not count. */
  readonly force: boolean;
}

function hookStep(hook: BeforeHook | null, new_master: string): readonly Step[] {
  return hook === null || hook.commands.length === 0 ? [] : [{ kind: 'before_commands', ...hook, new_master }];
}

/** The steps of a failover. Their order is written here and nowhere else. */
export function failoverSteps(plan: FailoverPlan, hook: BeforeHook | null = null): readonly Step[] {
  const steps: Step[] = [
    ...hookStep(hook, plan.candidates[0].server),
    { kind: 'fence_old_master', server: plan.old_master, way: plan.fence },
    { kind: 'stop_receivers', servers: plan.replicas },
    { kind: 'choose', candidates: plan.candidates },
    { kind: 'promote' },
    { kind: 'prove_writes' },
    { kind: 'record' },
  ];
  if (plan.connection_method !== null) steps.push({ kind: 'move_connections', method: plan.connection_method });
  if (plan.remaster) steps.push({ kind: 'remaster', servers: plan.replicas });
  steps.push({ kind: 'extra_commands' });
  return steps;
}

/** Everything a switchover needs to be carried out: the master lives, and hands over. */
export interface SwitchoverPlan {
  readonly old_master: string;
  readonly new_master: string;
  /** The other enabled replicas that answer. */
  readonly others: readonly string[];
  readonly connection_method: string | null;
  readonly remaster: boolean;
}

/** The steps of a switchover. Their order is written here and nowhere else. */
export function switchoverSteps(plan: SwitchoverPlan, hook: BeforeHook | null = null): readonly Step[] {
  const { old_master, new_master } = plan;
  const method = plan.connection_method;
  const steps: Step[] = [
    ...hookStep(hook, new_master),
    { kind: 'checkpoint', servers: [old_master, new_master] },
    ...(method === null ? [] : [{ kind: 'pause_connections', method } as const]),
    { kind: 'stop_old_master', server: old_master },
    { kind: 'prove_candidate', server: new_master },
    { kind: 'promote' },
    { kind: 'prove_writes' },
    { kind: 'record' },
  ];
  if (method !== null) steps.push({ kind: 'move_connections', method });
  if (plan.remaster) steps.push({ kind: 'remaster', servers: plan.others });
  steps.push({ kind: 'return_old_master', server: old_master }, { kind: 'extra_commands' });
  return steps;
}

export function journal(steps: readonly Step[]): readonly JournalledStep[] {
  return steps.map((step) => ({ step, state: 'pending', begun: null, ended: null, note: null }));
}

/** Steps from which on an operation is finished forward: somebody may have been promoted. */
export function isPastPromotion(steps: readonly JournalledStep[]): boolean {
  return steps.some(({ step, state }) => step.kind === 'promote' && state !== 'pending');
}

export function planFrom(
  parts: Omit<FailoverPlan, 'connection_method' | 'remaster'>,
  policy: FailoverPolicy,
): FailoverPlan {
  return { ...parts, connection_method: policy.connection_failover_method, remaster: policy.remaster };
}

/** A step in words, for a plan that is shown before it is run. */
export function describeStep(step: Step): string {
  switch (step.kind) {
    case 'before_commands':
      return step.force
        ? `run ${list(step.commands)}; a veto is noted and not obeyed (--force)`
        : `run ${list(step.commands)}: each may veto, and then nothing is changed`;
    case 'fence_old_master':
      return describeFence(step.server, step.way);
    case 'stop_receivers':
      return `stop the WAL receivers of ${list(step.servers)}, so that nobody moves after the choice`;
    case 'choose':
      return `choose the new master: ${list(step.candidates.map((one) => one.server))}, best first, by their final positions`;
    case 'checkpoint':
      return `checkpoint ${list(step.servers)}, so that the shutdown has little left to write`;
    case 'pause_connections':
      return `let the clients wait, with ${step.method}; if that takes too long, they go on and nothing is stopped`;
    case 'stop_old_master':
      return `stop ${step.server} fast, with standby.signal left first; it is down when its control file says "shut down"`;
    case 'prove_candidate':
      return `prove that ${step.server} holds everything up to the shutdown checkpoint; if not, start the old master again`;
    case 'promote':
      return 'promote it';
    case 'prove_writes':
      return 'prove that it takes writes';
    case 'record':
      return 'record the new master in the saved state, then in the cluster table';
    case 'move_connections':
      return `move the connections with ${step.method}`;
    case 'remaster':
      return `point the others of ${list(step.servers)} at the new master, by reload`;
    case 'return_old_master':
      return `start ${step.server} as a replica of the new master, and prove that it streams`;
    case 'extra_commands':
      return 'run the extra failover commands';
  }
}

function describeFence(server: string, way: FenceWay): string {
  switch (way.kind) {
    case 'signal':
      return `fence ${server}: it is not running; leave standby.signal so that it cannot start writable`;
    case 'kill':
      return `fence ${server}: kill its processes and leave standby.signal`;
    case 'plugin':
      return `fence ${server} with ${way.method}`;
    case 'owed':
      return `fence ${server}: nothing reaches it, so the fencing stays owed and is paid when it returns`;
  }
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'no server' : names.join(', ');
}
