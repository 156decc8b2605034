import { contradictions } from '../../src/service/memory.js';
import { withNewMaster } from '../../src/act/record.js';
import { judgeAbandonment, withAbandoned } from '../../src/core/abandon.js';
import type { Decision } from '../../src/core/decision.js';
import type { Operation, SavedState, Step } from '../../src/core/model.js';
import { failoverSteps, journal, switchoverSteps } from '../../src/core/plan.js';
import { refuseRecovered } from '../../src/core/recovered.js';
import { emptyState, newest } from '../../src/core/saved.js';
import { type OnDemand, type Situation, acceptsWrites } from '../../src/core/situation.js';
import { managerSickness } from '../../src/core/suspicion.js';
import { execute, rollBackUnfinished, takeBack } from './execute.js';
import { rowOn } from './looks.js';
import { CannotSave, EPOCH, type Host, Killed, Run, type Setup } from './manager.js';
import { planHandover } from './handover.js';
import { lookAtProxies, payOwedConnections, proxyDefs } from './proxies.js';
import { fenceByCommand, powerOff } from './steps.js';

/** How a run ended. */
export interface RunEnd {
  readonly run: Run;
  /** Of its last look; null where it did not come so far. */
  readonly decision: Decision | null;
  readonly situation: Situation | null;
  readonly killed: boolean;
}

export interface CheckOptions {
  readonly on_demand: OnDemand | null;
  readonly planned: boolean;
  /** Look thoroughly first: `--verify`, or when a verify is due. */
  readonly verify?: boolean;
}

const AUTOMATIC: CheckOptions = { on_demand: null, planned: false };
/** A run may act several times, never without end. */
const MAX_ROUNDS = 4;

/** Opens a run on this host: the file, else the newest row of the table, else the configuration. */
function open(setup: Setup, host: Host): Run {
  const { world, configured } = setup;
  const wall = EPOCH + world.now + host.offset;
  if (host.file !== null) return new Run(setup, host, host.file, 'file');
  const looker = { world, from: host.name, wall, resolver: host.resolver };
  const row = configured.reduce<SavedState | null>((best, { name }) => newest(best, rowOn(looker, name)), null);
  if (row !== null) return new Run(setup, host, row, 'table');
  return new Run(
    setup,
    host,
    emptyState('app', configured, new Date(wall).toISOString(), proxyDefs(setup.policy.connection_failover_method)),
    'configuration',
  );
}

/** Does something in a run that can be killed at any instant. */
export function inRun(setup: Setup, host: Host, work: (run: Run) => Omit<RunEnd, 'run' | 'killed'>): RunEnd {
  const run = open(setup, host);
  try {
    return { run, killed: false, ...work(run) };
  } catch (error) {
    if (error instanceof Killed) return { run, killed: true, decision: null, situation: null };
    if (error instanceof CannotSave) return { run, killed: false, decision: null, situation: null };
    throw error;
  }
}

/** A failover check, as src/service/check.ts makes one. */
export function check(setup: Setup, host: Host, options: CheckOptions = AUTOMATIC): RunEnd {
  return inRun(setup, host, (run) => {
    let restart_failed: string | null = null;
    for (let count = 1; ; count++) {
      const last = count >= MAX_ROUNDS;
      const { on_demand, planned } = options;
      const observed = run.observe({
        persistent: true,
        thorough: planned || options.verify === true,
        on_demand,
        restart_failed,
      });
      const { situation, decision } = observed;
      const end = { decision, situation };
      if (run.isUnproved()) {
        // Nobody here insists on an old copy while a server that may be the master since is not seen.
        const asked = on_demand === null ? null : { ...on_demand, force: false };
        const found = contradictions(situation.state, situation.servers);
        const believed =
          run.source === 'table'
            ? refuseRecovered({ ...situation, on_demand: asked }, decision) === null
            : found.length === 0 && decision.diagnosis.kind === 'master_healthy';
        if (!believed) return { decision: null, situation };
      }
      run.keep(observed, planned);
      if (decision.diagnosis.kind === 'master_healthy') {
        if (planned || options.verify === true)
          tolerant(() => {
            lookAtProxies(run);
          });
        tolerant(() => {
          payOwedConnections(run, situation);
        });
      }
      if (planned && decision.diagnosis.kind === 'master_healthy') {
        handOver(run, situation, decision.diagnosis.master);
        return end;
      }
      switch (decision.action.kind) {
        case 'none':
        case 'look':
          run.publish(healthyMaster(run), false);
          return end;
        case 'resume':
          if (!resumeOperation(run, situation, last)) return end;
          break;
        case 'fence_returned': {
          // All of them, whatever becomes of one.
          const fenced = decision.action.servers.map((name) => fenceReturned(run, name));
          if (fenced.includes(false) || last) return end;
          break;
        }
        case 'record_master': {
          const { old_master, new_master } = decision.action;
          const facts = situation.servers[new_master]?.facts;
          const change = { old_master, new_master, timeline: facts?.timeline ?? null, lsn: facts?.lsn ?? null };
          const at = new Date(situation.now).toISOString();
          const moves_clients = setup.policy.connection_failover_method !== null;
          run.save((state) =>
            withNewMaster(state, { ...change, at, fenced: false, reason: 'promoted by hand', moves_clients }),
          );
          if (last) return end;
          break;
        }
        case 'restart_master': {
          const { server } = decision.action;
          const started = restart(run, server);
          if (last) return end;
          if (!started) restart_failed = 'it did not start';
          break;
        }
        case 'fail_over': {
          const { plan } = decision.action;
          const operation = newOperation(
            run,
            'failover',
            on_demand === null,
            plan.old_master,
            null,
            failoverSteps(plan, { commands: run.setup.hook, force: on_demand?.force === true }),
          );
          execute(run, operation, situation);
          refresh(run);
          return end;
        }
      }
    }
  });
}

/** What cannot be saved is told, and no reason for a check to end. */
function tolerant(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof CannotSave)) throw error;
  }
}

function healthyMaster(run: Run): string | null {
  const masters = Object.values(run.state.servers).filter(({ def }) => def.role === 'master' && def.enabled);
  const [master] = masters;
  return masters.length === 1 && master?.status.status === 'healthy' ? master.def.name : null;
}

/** After a change of master: one look more, so that what is saved is what is now. */
export function refresh(run: Run): void {
  const observed = run.observe({ persistent: false, thorough: true, on_demand: null, restart_failed: null });
  run.keep(observed, true);
  if (observed.decision.diagnosis.kind === 'master_healthy') {
    tolerant(() => {
      lookAtProxies(run);
      payOwedConnections(run, observed.situation);
    });
  }
  run.publish(healthyMaster(run), true);
}

function restart(run: Run, name: string): boolean {
  if (!run.ssh(name)) return false;
  run.world.start(run.world.server(name));
  for (let waited = 0; waited < 30_000; waited += 1000) {
    run.pause(1000);
    if (acceptsWrites(run.look(name))) return true;
  }
  return false;
}

function fenceReturned(run: Run, name: string): boolean {
  const fenced = fenceByCommand(run, name, 'kill') === null;
  const { fence_method } = run.setup.policy;
  if (!fenced && (fence_method === null || !powerOff(run, name))) return false;
  recordFenced(run, name);
  return true;
}

function recordFenced(run: Run, name: string): void {
  run.save((state) => ({
    ...state,
    former_masters: state.former_masters.map((one) => (one.server === name ? { ...one, fenced: run.iso() } : one)),
  }));
}

/** Finishes or rolls back what an earlier run left; false: this run is over. */
function resumeOperation(run: Run, situation: Situation, last: boolean): boolean {
  const { operation } = situation.state;
  if (operation === null) return false;
  const judged = run.setup.mutant.resume(operation, situation.servers);
  run.tell(`unfinished operation: ${judged.kind}, ${judged.why}`);
  if (run.setup.mutant.faults.has('repeats blindly')) {
    const steps = operation.steps.map((one) => (one.state === 'begun' ? { ...one, state: 'pending' as const } : one));
    execute(run, { ...operation, steps }, { ...situation, state: { ...situation.state, operation: null } });
    return false;
  }
  switch (judged.kind) {
    case 'wait': {
      if (situation.on_demand?.force !== true || last) return false;
      const abandonment = judgeAbandonment(operation, judged);
      if (!abandonment.ok) return false;
      const { value } = abandonment;
      if (value.kind === 'roll_back') rollBackUnfinished(run, operation);
      else run.save((state) => withAbandoned(state, operation, { abandonment: value, at: run.iso() }));
      if (value.kind === 'give_up' && managerSickness(situation).length === 0) {
        if (fenceByCommand(run, value.server, 'kill') === null) recordFenced(run, value.server);
      }
      return true;
    }
    case 'forward':
      execute(run, judged.operation, null);
      refresh(run);
      return false;
    case 'take_back':
      if (!takeBack(run, operation, judged.server)) return false;
      rollBackUnfinished(run, operation);
      return !last;
    case 'roll_back':
      rollBackUnfinished(run, operation);
      return !last;
  }
}

function handOver(run: Run, situation: Situation, master: string): void {
  const plan = planHandover(run, situation, master);
  if (plan === null) return;
  const { old_master, new_master } = plan;
  const operation = newOperation(
    run,
    'switchover',
    false,
    old_master,
    new_master,
    switchoverSteps(plan, { commands: run.setup.hook, force: false }),
  );
  execute(run, operation, situation);
  refresh(run);
}

function newOperation(
  run: Run,
  kind: Operation['kind'],
  automatic: boolean,
  old_master: string,
  new_master: string | null,
  steps: readonly Step[],
): Operation {
  return {
    id: `${kind}-${run.world.now}`,
    kind,
    automatic,
    begun: run.iso(),
    run: run.host.name,
    old_master,
    new_master,
    failed_candidates: [],
    steps: journal(steps),
    former_upstreams: [],
    shutdown_checkpoint: null,
    evidence: [],
    loss: 'not yet known',
  };
}
