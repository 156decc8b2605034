import type { ServerDef } from '../core/model.js';
import { STOP_COMMAND_MS } from '../core/limits.js';
import { type Failure, type Outcome, describeFailure, fail } from '../core/outcome.js';
import { acceptsWrites } from '../core/situation.js';
import { pause } from '../io/wait.js';
import type { OperationFacts } from '../plugin/contract.js';
import { type ActSettings, type StepInput, type StepResult, serverDef } from './actor.js';

type ExtraCommand = ActSettings['extra_commands'][number];

function operationFacts(
  { actor, operation }: StepInput,
  master: ServerDef,
  when: OperationFacts['when'],
): OperationFacts {
  const old = serverDef(actor, operation.old_master);
  return {
    operation: operation.id,
    kind: operation.kind,
    automatic: operation.automatic,
    run: operation.run,
    when,
    cluster_name: actor.state.current().cluster_name,
    old_master: operation.old_master,
    old_master_host: old?.hostname ?? '',
    old_master_port: old?.port ?? 0,
    new_master: master.name,
    new_master_host: master.hostname,
    new_master_port: master.port,
    loss: operation.loss,
    reason: operation.evidence.join('; '),
  };
}

/**
 * Asks the operator's own commands, in their order, whether it may begin: the first that does not succeed ends it, whether it
 * said no or could not be asked, since whoever wants to be asked does not want to be passed over. They take their time, so an
 * old master that is back by then ends it too.
 */
export async function beforeCommands(
  input: StepInput,
  step: { readonly commands: readonly string[]; readonly new_master: string; readonly force: boolean },
): Promise<StepResult> {
  const { actor, operation } = input;
  const master = serverDef(actor, step.new_master);
  if (master === null) return { kind: 'refused', error: fail('step_failed', `${step.new_master} is not known`).error };
  const facts = operationFacts(input, master, 'before');
  const notes: string[] = [];
  for (const name of step.commands) {
    const command = actor.settings.extra_commands.find((one) => one.name === name);
    const done = command === undefined ? notConfigured(name) : await runOne(input, command, facts);
    if (!done.ok && !step.force) return { kind: 'refused', error: veto(name, done.error) };
    notes.push(done.ok ? `${name}: ${done.value}` : `${name}: overridden by --force: ${describeFailure(done.error)}`);
  }
  const old = operation.kind === 'failover' ? serverDef(actor, operation.old_master) : null;
  if (old !== null && acceptsWrites(await actor.look(old))) {
    return { kind: 'refused', error: fail('unsafe', `${old.name} accepts writes again`, { server: old.name }).error };
  }
  return { kind: 'done', note: notes.join('; ') };
}

function notConfigured(name: string): Outcome<never> {
  return fail('plugin_missing', `extra_failover_commands.${name} is no longer configured`);
}

function veto(name: string, error: Failure): Failure {
  const said = error.code === 'plugin_failed' ? 'vetoes it' : 'may veto it, and could not be asked';
  return fail('unsafe', `extra_failover_commands.${name} ${said}: ${error.message}`, {
    hint: 'mend what it names; `handyrep failover --force` or `handyrep promote NAME --force` overrides it',
  }).error;
}

/** Runs the extra failover commands in their order; one that fails does not keep the next from running. */
export async function extraCommands(input: StepInput): Promise<StepResult> {
  const { actor, operation } = input;
  const commands = actor.settings.extra_commands.filter(({ when }) => when === 'after');
  if (commands.length === 0) return { kind: 'done', note: 'none configured' };
  const master = operation.new_master === null ? null : serverDef(actor, operation.new_master);
  if (master === null) return { kind: 'failed', error: fail('step_failed', 'no server was chosen').error };
  const failures: Failure[] = [];
  const notes: string[] = [];
  for (const one of commands) {
    const done = await runOne(input, one, operationFacts(input, master, 'after'));
    if (done.ok) notes.push(`${one.name}: ${done.value}`);
    else failures.push({ ...done.error, message: `${one.name}: ${describeFailure(done.error)}`, hint: undefined });
  }
  const [first] = failures;
  if (first === undefined) return { kind: 'done', note: notes.join('; ') };
  return { kind: 'failed', error: { ...first, message: failures.map(({ message }) => message).join('; ') } };
}

/** At its time-out the command is told to stop, and soon given up. */
async function runOne({ actor }: StepInput, one: ExtraCommand, facts: OperationFacts): Promise<Outcome<string>> {
  const plugin = await actor.registry.get('extra_command', one.command);
  if (!plugin.ok) return plugin;
  const stop = new AbortController();
  const over = new AbortController();
  const late = pause(one.timeout, over.signal).then(async () => {
    stop.abort();
    await pause(STOP_COMMAND_MS, over.signal);
  });
  const limit = fail('command_timeout', `${one.command} did not end within ${one.timeout / 1000} s`);
  const context = { ...actor.plugin_context, signal: stop.signal };
  try {
    const done = await Promise.race([plugin.value(context, facts, one.parameters), late.then(() => limit)]);
    return !done.ok && stop.signal.aborted ? limit : done;
  } finally {
    over.abort();
  }
}
