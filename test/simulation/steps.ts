import { withNewMaster, withReplica } from '../../src/act/record.js';
import { chooseNow } from '../../src/core/choice.js';
import { mayComeBack } from '../../src/core/journal.js';
import { holdsShutdown } from '../../src/core/handover.js';
import { type StepResult, withFencingOwed } from '../../src/core/journal.js';
import { describeLoss } from '../../src/core/loss.js';
import type { FenceWay, Operation, Step } from '../../src/core/model.js';
import { fail } from '../../src/core/outcome.js';
import { type Situation, acceptsWrites, canMeanDown } from '../../src/core/situation.js';
import type { Run } from './manager.js';
import { moveConnections, pauseConnections } from './proxies.js';

/**
 * What each step does to the model: as src/act does it to real servers, in the same order of effects and looks. A step kind
 * that is not here does not compile.
 */
export function perform(run: Run, operation: Operation, step: Step, situation: Situation | null): StepResult {
  switch (step.kind) {
    case 'before_commands':
      return beforeCommands(run, operation, step.force);
    case 'fence_old_master':
      return fenceOldMaster(run, step.server, step.way, situation);
    case 'stop_receivers':
      return stopReceivers(run, operation, step.servers);
    case 'choose':
      return choose(run, operation, step.candidates, situation);
    case 'checkpoint':
      return step.servers.every((name) => acceptsQueries(run, name)) ? done('checkpoints') : abort('no checkpoint');
    case 'stop_old_master':
      return stopOldMaster(run, step.server);
    case 'prove_candidate':
      return proveCandidate(run, operation, step.server);
    case 'promote':
      return promote(run, operation);
    case 'prove_writes':
      return proveWrites(run, operation);
    case 'record':
      return record(run, operation);
    case 'pause_connections':
      return pauseConnections(run, situation);
    case 'move_connections':
      return moveConnections(run, operation);
    case 'extra_commands':
      run.pause(5);
      return run.world.dice.chance(0.1) ? failed(`${step.kind} failed`) : done(step.kind);
    case 'remaster':
      return remaster(run, operation, step.servers);
    case 'return_old_master':
      return returnOldMaster(run, operation, step.server);
  }
}

const error = (message: string) => fail('step_failed', message, { hint: 'look there' }).error;
const done = (note: string): StepResult => ({ kind: 'done', note });
const failed = (message: string): StepResult => ({ kind: 'failed', error: error(message) });
const abort = (message: string): StepResult => ({ kind: 'abort', error: error(message) });
const stop = (message: string): StepResult => ({ kind: 'stop', error: error(message) });

/** The operator's own commands: they take a while, and may say no. */
function beforeCommands(run: Run, operation: Operation, force: boolean): StepResult {
  run.pause(500);
  if (run.world.dice.chance(0.2) && !force) return { kind: 'refused', error: error('a command vetoes it') };
  const back = operation.kind === 'failover' && acceptsWrites(run.look(operation.old_master));
  return back ? { kind: 'refused', error: error('the old master accepts writes again') } : done('asked');
}

function acceptsQueries(run: Run, name: string): boolean {
  return run.look(name).reach.kind === 'accepting';
}

/** standby.signal, then SIGKILL; null when both are proved. */
export function fenceByCommand(run: Run, name: string, mode: 'signal' | 'kill'): string | null {
  if (run.setup.mutant.faults.has('skips the fence')) return null;
  if (!run.ssh(name)) return `${name}: ssh does not reach it`;
  const server = run.world.server(name);
  if (mode === 'signal' && server.process !== 'stopped') return `${name}: its postmaster runs again`;
  if (!run.setup.mutant.faults.has('forgets standby.signal')) server.signal = true;
  run.pause(20);
  if (!run.ssh(name)) return `${name}: ssh broke off`;
  if (server.process !== 'stopped') run.world.kill(server);
  run.setup.listener.fenced(name, 'command');
  run.tell(`fenced ${name}`);
  return null;
}

function fenceOldMaster(run: Run, server: string, way: FenceWay, situation: Situation | null): StepResult {
  switch (way.kind) {
    case 'signal':
    case 'kill': {
      const why = fenceByCommand(run, server, way.kind);
      return why === null ? done('fenced') : abort(why);
    }
    case 'plugin':
      return fenceByPlugin(run, server, situation?.policy.require_fencing ?? true);
    case 'owed':
      return stillSilent(run, server);
  }
}

/** Powers the host off, where that works. */
export function powerOff(run: Run, name: string): boolean {
  run.pause(500);
  const server = run.world.server(name);
  if (!server.fenceWorks) return false;
  run.world.powerOff(server);
  run.setup.listener.fenced(name, 'power');
  run.tell(`powered off ${name}`);
  return true;
}

function fenceByPlugin(run: Run, server: string, required: boolean): StepResult {
  if (powerOff(run, server)) return done('powered off');
  if (required) return abort(`the fence method failed for ${server}`);
  const silent = stillSilent(run, server);
  return silent.kind === 'done' ? { ...silent, operation: withFencingOwed } : silent;
}

function stillSilent(run: Run, server: string): StepResult {
  return canMeanDown(run.look(server)) ? done('the fencing is owed') : abort(`${server} answers again`);
}

function stopReceivers(run: Run, operation: Operation, replicas: readonly string[]): StepResult {
  run.pause(300);
  const dead = operation.steps.some(
    ({ step }) => step.kind === 'fence_old_master' && (step.way.kind === 'signal' || step.way.kind === 'kill'),
  );
  const running = replicas.filter((name) => !dead || run.look(name).facts?.receiver?.kind !== 'none');
  const former = running.flatMap((name) => {
    const { upstream } = run.world.server(name);
    const told = acceptsQueries(run, name) && upstream !== null;
    return told ? [{ server: name, host: upstream, hostaddr: null, port: '5432' }] : [];
  });
  run.note((one) => ({ ...one, former_upstreams: [...operation.former_upstreams, ...former] }));
  for (const name of running) if (acceptsQueries(run, name)) run.world.server(name).upstream = null;
  run.pause(50);
  return done('WAL receivers stopped');
}

function choose(
  run: Run,
  operation: Operation,
  candidates: readonly { readonly server: string }[],
  situation: Situation | null,
): StepResult {
  if (situation === null) return abort('the choice cannot be made from an earlier run’s observations');
  const names = candidates.map(({ server }) => server);
  if (mayComeBack(operation)) names.push(operation.old_master);
  const fresh = Object.fromEntries(names.map((name) => [name, run.look(name)] as const));
  const servers = { ...situation.servers, ...fresh };
  const { master_position: position } = situation.state;
  const believes = run.setup.mutant.faults.has('believes an old position') && position !== null;
  const master_position = believes ? { ...position, at: new Date(situation.now).toISOString() } : position;
  const now = { ...situation, state: { ...situation.state, operation, master_position }, servers };
  const choice = chooseNow(now, run.setup.select);
  if (!choice.ok) return { kind: 'abort', error: choice.error };
  const { server, loss, note } = choice.value;
  run.setup.listener.chosen(server, loss, now);
  return { kind: 'done', note, operation: (one) => ({ ...one, new_master: server, loss: describeLoss(loss) }) };
}

function stopOldMaster(run: Run, name: string): StepResult {
  if (!run.ssh(name)) return abort(`${name}: ssh does not reach it`);
  const server = run.world.server(name);
  server.signal = true;
  run.pause(5);
  if (!run.ssh(name)) return abort(`${name}: ssh broke off`);
  run.world.stopFast(server);
  for (let waited = 0; waited < 30_000 && server.process !== 'stopped'; waited += 100) run.pause(100);
  const host = run.hostOf(name);
  if (host.kind === 'no_answer' || host.control?.state !== 'shut down') return abort(`${name} did not shut down`);
  const { timeline, checkpoint_lsn: lsn } = host.control;
  return { kind: 'done', note: 'shut down', operation: (one) => ({ ...one, shutdown_checkpoint: { timeline, lsn } }) };
}

function proveCandidate(run: Run, operation: Operation, name: string): StepResult {
  const { shutdown_checkpoint: last } = operation;
  if (last === null) return abort('there is no shutdown checkpoint to compare with');
  const proved = (): StepResult => ({
    kind: 'done',
    note: `${name} holds it`,
    operation: (one) => ({ ...one, loss: 'none (it holds the shutdown checkpoint of the old master)' }),
  });
  if (run.setup.mutant.faults.has('skips the proof')) return proved();
  for (let tries = 0; tries < 10; tries++) {
    if (holdsShutdown(run.look(name).facts, last)) return proved();
    run.pause(500);
  }
  return abort(`${name} does not hold the shutdown checkpoint`);
}

type RoleSeen = 'master' | 'still in recovery' | 'not answering';

function roleOf(run: Run, name: string): RoleSeen {
  const { facts } = run.look(name);
  if (facts === null) return 'not answering';
  return facts.in_recovery ? 'still in recovery' : 'master';
}

function promote(run: Run, operation: Operation): StepResult {
  const name = operation.new_master;
  if (name === null) return abort('no server was chosen');
  const server = run.world.server(name);
  const asked = acceptsQueries(run, name);
  const forbidden = asked && server.promotion === 'forbidden';
  if (asked && !forbidden) {
    run.setup.listener.asked(run, name);
    if (server.recovery && server.promotion !== 'never') {
      server.promotes = run.world.now + (server.promotion === 'slow' ? 75_000 : run.world.dice.between(30, 900));
    }
  }
  let role: RoleSeen = 'not answering';
  const deadline = run.world.now + (asked && !forbidden ? 30_000 : 3000);
  while (role !== 'master' && run.world.now < deadline) {
    run.pause(200);
    role = roleOf(run, name);
  }
  if (role === 'master') return done(`${name} is promoted`);
  if (role === 'not answering') return stop(`${name} does not answer now`);
  const why = error(`${name} is ${role}`);
  if (forbidden) return { kind: 'next_candidate', server: name, error: why };
  if (run.setup.mutant.faults.has('leaves a failed candidate'))
    return { kind: 'next_candidate', server: name, error: why };
  if (fenceByCommand(run, name, 'kill') === null) return { kind: 'next_candidate', server: name, error: why };
  return roleOf(run, name) === 'master' ? done(`${name} is promoted, late`) : stop(`${name} may promote itself later`);
}

function proveWrites(run: Run, operation: Operation): StepResult {
  const name = operation.new_master;
  if (name === null) return failed('no server was chosen');
  for (let tries = 0; tries < 30; tries++) {
    if (acceptsWrites(run.look(name))) return done(`${name} takes writes`);
    run.pause(1000);
  }
  return failed(`${name} acknowledged no transaction`);
}

function record(run: Run, operation: Operation): StepResult {
  const { new_master, old_master } = operation;
  if (new_master === null) return stop('no server was chosen');
  if (run.setup.mutant.faults.has('does not record')) return done('recorded');
  const { facts } = run.look(new_master);
  const fenced = operation.steps.some(
    ({ step }) => step.kind === 'stop_old_master' || (step.kind === 'fence_old_master' && step.way.kind !== 'owed'),
  );
  const change = {
    new_master,
    old_master,
    timeline: facts?.timeline ?? null,
    lsn: facts?.lsn ?? null,
    at: run.iso(),
    fenced,
    reason: `replaced by ${new_master}`,
    moves_clients: operation.steps.some(({ step }) => step.kind === 'move_connections'),
  };
  return { kind: 'done', note: 'recorded', change: (state) => withNewMaster(state, change) };
}

/** Points a replica that runs at the master; whether it streams from there. */
export function follow(run: Run, name: string, master: string): boolean {
  if (!acceptsQueries(run, master) || !acceptsQueries(run, name)) return false;
  run.world.server(name).upstream = master;
  for (let tries = 0; tries < 6; tries++) {
    run.pause(1000);
    const receiver = run.look(name).facts?.receiver;
    if (receiver?.kind === 'running' && run.world.server(name).sender === master) return true;
  }
  return false;
}

function remaster(run: Run, operation: Operation, replicas: readonly string[]): StepResult {
  const master = operation.new_master;
  if (master === null) return failed('no server was chosen');
  const lost = replicas.filter((name) => name !== master && !follow(run, name, master));
  return lost.length === 0 ? done('all follow') : failed(`${lost.join(', ')} does not stream`);
}

function returnOldMaster(run: Run, operation: Operation, name: string): StepResult {
  const master = operation.new_master;
  if (master === null) return failed('no server was chosen');
  const back: StepResult = { kind: 'done', note: 'it is back', change: (state) => withReplica(state, name) };
  const server = run.world.server(name);
  const host = run.hostOf(name);
  if (host.kind === 'no_answer') return failed(`${name}: ssh does not reach it`);
  if (host.postmaster.kind === 'running') {
    const { facts } = run.look(name);
    if (facts?.in_recovery !== true) return failed(`${name} runs and is no replica`);
    return follow(run, name, master) ? back : failed(`${name} does not stream`);
  }
  server.signal = true;
  server.upstream = master;
  run.pause(5);
  if (!run.ssh(name)) return failed(`${name}: ssh broke off`);
  run.world.start(server);
  run.pause(server.recoveryTime + 100);
  return follow(run, name, master) ? back : failed(`${name} does not stream`);
}
