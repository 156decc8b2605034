import { mayRejoinAfter, waitingToRejoin } from '../../src/core/auto-rejoin.js';
import { recordedMaster } from '../../src/core/situation.js';
import { Dice } from '../random.js';
import { type RunEnd, check, inRun } from './check.js';
import { makeFault } from './faults.js';
import { Violation } from './invariants.js';
import { type Lab, type LabOptions, makeLab } from './lab.js';
import * as operator from './operator.js';
import { strandedProxy } from './proxies.js';
import type { Server } from './world.js';

/** What one seed came to. */
export interface Outcome {
  readonly seed: number;
  /** Null: everything held. */
  readonly violation: string | null;
  readonly checks: number;
  readonly promotions: number;
  /** What a person had to do at the end, by diagnosis. */
  readonly jobs: readonly string[];
  readonly losses: ReadonlyMap<string, number>;
  readonly trace: readonly string[];
}

/** How many checks a healed cluster has until all must be well. */
const ENOUGH = 30;

/**
 * Makes everything of a seed: a cluster, a policy, faults at their times, checks in between; then all faults are healed, and
 * with what the reports ask people to do the cluster must come to one master that everybody follows. Faults can be left
 * out by number.
 */
export function simulate(options: LabOptions & { readonly without?: ReadonlySet<number> }): Outcome {
  const lab = makeLab(options);
  const { world } = lab;
  const jobs: string[] = [];
  let checks = 0;
  let violation: string | null = null;
  const one = (): RunEnd => {
    checks++;
    return checkOnce(lab);
  };
  try {
    one();
    const { length, faults } = plan(options.seed);
    for (const [index, fault] of faults.entries()) if (options.without?.has(index) !== true) planFault(lab, fault);
    while (world.now < length) {
      runCommands(lab);
      one();
      world.advance(lab.every);
    }
    heal(lab);
    settle(lab, one, jobs);
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    violation = error.message;
  }
  const promotions = [...lab.watch.losses.values()].reduce((sum, number) => sum + number, 0);
  return { seed: options.seed, violation, checks, promotions, jobs, losses: lab.watch.losses, trace: world.told };
}

interface PlannedFault {
  readonly at: number;
  /** Each fault has chances of its own, so that it is the same without the others. */
  readonly dice: Dice;
}

/** How long faults happen in a schedule, milliseconds, and when. */
export function plan(seed: number): { readonly length: number; readonly faults: readonly PlannedFault[] } {
  const dice = new Dice(seed ^ 0x5eed);
  const length = dice.between(15, 150) * 1000;
  const faults = Array.from({ length: dice.between(1, 9) }, (_, index): PlannedFault => ({
    at: dice.between(0, length),
    dice: new Dice(seed * 31 + index),
  }));
  return { length, faults };
}

function planFault(lab: Lab, { at, dice }: PlannedFault): void {
  const { world } = lab;
  world.schedule({
    at,
    what: 'a fault',
    happen: () => {
      const fault = makeFault(lab, dice);
      world.tell(`* ${fault.what}`);
      fault.begin();
      const { end } = fault;
      const lasts = dice.chance(0.5) ? dice.between(100, 10_000) : dice.between(5000, 200_000);
      if (end !== undefined) world.schedule({ at: world.now + lasts, what: `over: ${fault.what}`, happen: end });
    },
  });
}

function active(lab: Lab): Lab['hosts'][number] {
  const [host] = lab.hosts;
  if (host === undefined) throw new Error('there is no management host');
  return host;
}

function checkOnce(lab: Lab): RunEnd {
  if (lab.swap) {
    lab.swap = false;
    lab.hosts.reverse();
    for (const [index, host] of lab.hosts.entries()) host.active = index === 0;
    lab.world.tell(`* ${active(lab).name} is the active management host`);
  }
  const host = active(lab);
  const { happened, now: began } = lab.world;
  const end = check(lab.setup, host);
  lab.watch.ended(end, host, { began, quiet: lab.world.happened === happened });
  if (lab.setup.policy.auto_rejoin) rejoinByItself(lab, host, end);
  return end;
}

/** `auto_rejoin`, as src/service/auto-rejoin.ts does it after a check. */
function rejoinByItself(lab: Lab, host: Lab['hosts'][number], { run, decision, killed }: RunEnd): void {
  if (killed || decision === null) return;
  const { action, diagnosis, rule, vetoes } = decision;
  const failed_over =
    action.kind === 'fail_over' && run.state.operation === null && recordedMaster(run.state) !== action.plan.old_master;
  if (!mayRejoinAfter({ diagnosis: diagnosis.kind, rule, vetoes, failed_over })) return;
  for (const name of waitingToRejoin(run.state, run.wall())) {
    lab.world.tell(`- ${name} comes back by itself`);
    operator.rejoin(name)(lab, host);
  }
}

function runCommands(lab: Lab): void {
  for (const { what, act } of lab.commands.splice(0)) {
    lab.world.tell(`- ${what}`);
    act(lab, active(lab));
  }
}

/** Everything is mended that was broken from outside; what was stopped is started as its host starts it. */
function heal(lab: Lab): void {
  const { world } = lab;
  world.tell('--- all faults are healed');
  world.cuts.clear();
  world.agenda.length = 0;
  lab.commands.length = 0;
  for (const host of lab.hosts) Object.assign(host, { resolver: true, disk: true, killIn: null });
  for (const proxy of world.proxies.values()) proxy.up = true;
  for (const server of world.servers.values()) {
    const plain = {
      ssh: true,
      port: 'open',
      saturated: false,
      rejecting: false,
      disk: true,
      pace: 'fast',
      recoveryTime: 500,
      promotion: 'fine',
      fenceWorks: true,
      autostart: true,
      frozen: 'no',
    } as const;
    Object.assign(server, plain);
    world.powerOn(server);
  }
  operator.resumeActing(lab, active(lab));
  operator.acknowledge(lab, active(lab));
}

function settle(lab: Lab, one: () => RunEnd, jobs: string[]): void {
  for (let count = 0; count < ENOUGH; count++) {
    lab.world.advance(5000);
    const end = one();
    if (isWell(lab)) return;
    if (count < 2) continue;
    const job = doJob(lab, lab.setup.blindPoll ? verify(lab) : end);
    if (job !== null) jobs.push(job);
  }
  throw new Violation(`not well after ${ENOUGH} checks without a fault: ${whyNotWell(lab) ?? ''}`);
}

function isWell(lab: Lab): boolean {
  return whyNotWell(lab) === null;
}

/** A thorough look: what a person takes before acting. */
function verify(lab: Lab): RunEnd {
  return inRun(lab.setup, active(lab), (run) =>
    run.observe({ persistent: true, thorough: true, on_demand: null, restart_failed: null }),
  );
}

/** One master that is recorded as such, and everybody else follows it and takes part. */
function whyNotWell(lab: Lab): string | null {
  const { world } = lab;
  const state = active(lab).file;
  if (state === null) return 'nothing is saved';
  if (state.operation !== null) return 'an operation is unfinished';
  const master = recordedMaster(state);
  const writers = world.writers();
  if (writers.length !== 1) return `${writers.length} servers take writes`;
  if (writers[0]?.name !== master)
    return `${writers[0]?.name ?? ''} takes writes, and ${master ?? 'nobody'} is recorded`;
  if (state.former_masters.length > 0) return 'a former master is not a replica yet';
  const idle = [...world.servers.values()].find(
    ({ name, streaming, sender }) => name !== master && !(streaming && sender === master),
  );
  if (idle !== undefined) return `${idle.name} does not follow`;
  const out = Object.values(state.servers).find(({ def }) => !def.enabled);
  if (out !== undefined) return `${out.def.name} is disabled`;
  return strandedProxy(lab, lab.setup.policy.connection_failover_method, master);
}

/** What the last report asks a person to do, done. */
function doJob(lab: Lab, { decision, situation }: RunEnd): string | null {
  const host = active(lab);
  const state = host.file;
  const { world } = lab;
  if (state === null) return doWithoutState(lab, situation);
  if (decision === null || situation === null) return null;
  const { diagnosis } = decision;
  const master = recordedMaster(state);
  switch (diagnosis.kind) {
    case 'master_healthy': {
      const idle = [...world.servers.values()].find(({ name, streaming, sender }) => {
        const out = state.servers[name]?.def.enabled !== true;
        return name !== master && (out || !(streaming && sender === master));
      });
      if (idle === undefined) {
        if (strandedProxy(lab, lab.setup.policy.connection_failover_method, master) === null) return null;
        // What a lost state does not tell, a verify finds.
        check(lab.setup, host, { on_demand: null, planned: false, verify: true });
        if (strandedProxy(lab, lab.setup.policy.connection_failover_method, master) === null) {
          return 'a proxy, failover-check --verify';
        }
        operator.initProxies(lab, host);
        return 'a proxy, proxy init';
      }
      lab.world.tell(`- rejoin ${idle.name}`);
      // Another than the former masters takes writes where a person made it so: it is stopped first.
      if (idle.process === 'running' && !idle.recovery) world.stopFast(idle);
      operator.rejoin(idle.name)(lab, host);
      return null;
    }
    case 'master_crashed':
    case 'master_shut_down':
    case 'master_stopped':
    case 'master_hung':
    case 'master_host_lost':
    case 'too_few_witnesses':
    case 'master_untold': {
      operator.failover(null)(lab, host);
      if (whoWrites(lab).length > 0 || master === null) return `${diagnosis.kind}, failover`;
      const server = world.server(master);
      const look = server.signal;
      if (look) Object.assign(server, { signal: false, byHand: true });
      operator.start(master)(lab, host);
      if (server.process === 'stopped') {
        operator.failover(null, true)(lab, host);
        if (whoWrites(lab).length > 0) return `${diagnosis.kind}, failover --force`;
        world.start(server);
        return `${diagnosis.kind}, PostgreSQL started by hand`;
      }
      return `${diagnosis.kind}, start${look ? ' without standby.signal' : ''}`;
    }
    case 'operation_unfinished': {
      const asked = state.operation?.new_master ?? null;
      if (asked !== null) world.start(world.server(asked));
      return asked === null ? null : 'operation_unfinished, the chosen server started';
    }
    case 'unrecorded_writer': {
      // The one that is recorded is kept.
      const other = world.server(diagnosis.writer);
      other.signal = true;
      world.stopFast(other);
      world.advance(2000);
      Object.assign(world.server(diagnosis.master), { signal: false, byHand: true });
      operator.start(diagnosis.master)(lab, host);
      return 'unrecorded_writer, it was stopped and the master started';
    }
    case 'master_on_old_timeline':
      // The one that is recorded is kept.
      for (const other of [...whoWrites(lab), world.server(diagnosis.newer)]) {
        if (other.name === diagnosis.master) continue;
        other.signal = true;
        world.stopFast(other);
      }
      return 'master_on_old_timeline, the others stopped';
    case 'two_masters': {
      const [best, ...others] = whoWrites(lab).toSorted((a, b) => b.branch.tli - a.branch.tli || b.lsn - a.lsn);
      if (best === undefined) return null;
      for (const other of others) {
        other.signal = true;
        world.stopFast(other);
      }
      return `${diagnosis.kind}, the others stopped`;
    }
    case 'master_in_recovery': {
      const [best] = [...world.servers.values()]
        .filter(({ process, recovery }) => process === 'running' && recovery)
        .toSorted((a, b) => b.branch.tli - a.branch.tli || b.lsn - a.lsn);
      if (best === undefined) return null;
      best.byHand = true;
      best.promotes = world.now + 100;
      return 'master_in_recovery, one promoted by hand';
    }
    case 'promoted_by_hand':
      // Seen by every check that asks for roles; with a blind poll by the next verify.
      if (!lab.setup.blindPoll) return null;
      check(lab.setup, host, { on_demand: null, planned: false, verify: true });
      return 'promoted_by_hand, failover-check --verify';
    case 'no_master_recorded':
    case 'manager_cut_off':
    case 'resolver_failing':
    case 'not_active':
    case 'fenced_master_returned':
    case 'foreign_master':
    case 'master_read_only':
    case 'master_wedged':
    case 'master_saturated':
    case 'master_starting':
    case 'master_stopping':
    case 'master_rejects_us':
    case 'master_silent':
    case 'master_seen_by_replica':
    case 'master_alive_to_its_host':
      // It passes by itself, or the next check sees to it.
      return null;
  }
}

/** Nothing is saved here: only people know who was master. */
function doWithoutState(lab: Lab, situation: RunEnd['situation']): string {
  const { world } = lab;
  for (const server of world.servers.values()) world.start(server);
  world.advance(2000);
  const believed = situation === null ? null : recordedMaster(situation.state);
  const master = believed === null ? null : world.server(believed);
  if (master === null || (master.process === 'running' && !master.recovery)) return 'no saved state, all started';
  // The one that the copy names is kept.
  for (const other of whoWrites(lab)) {
    other.signal = true;
    world.kill(other);
  }
  world.kill(master);
  master.signal = false;
  master.byHand = true;
  world.start(master);
  return 'no saved state, the master of the copy started';
}

function whoWrites({ world }: Lab): readonly Server[] {
  return world.writers();
}
