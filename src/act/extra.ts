import type { ServerDef } from '../core/model.js';
import { type Failure, describeFailure, fail } from '../core/outcome.js';
import type { OperationFacts } from '../plugin/contract.js';
import { type StepInput, type StepResult, serverDef } from './actor.js';

function operationFacts({ actor, operation }: StepInput, master: ServerDef): OperationFacts {
  return {
    operation: operation.id,
    cluster_name: actor.state.current().cluster_name,
    old_master: operation.old_master,
    new_master: master.name,
    new_master_host: master.hostname,
    new_master_port: master.port,
    loss: operation.loss,
  };
}

/** Runs the extra failover commands in their order; one that fails does not keep the next from running. */
export async function extraCommands(input: StepInput): Promise<StepResult> {
  const { actor, operation } = input;
  const { extra_commands: commands } = actor.settings;
  if (commands.length === 0) return { kind: 'done', note: 'none configured' };
  const master = operation.new_master === null ? null : serverDef(actor, operation.new_master);
  if (master === null) return { kind: 'failed', error: fail('step_failed', 'no server was chosen').error };
  const failures: Failure[] = [];
  const notes: string[] = [];
  for (const { name, command, parameters } of commands) {
    const plugin = await actor.registry.get('extra_command', command);
    const done = plugin.ok
      ? await plugin.value(actor.plugin_context, operationFacts(input, master), parameters)
      : plugin;
    if (done.ok) notes.push(`${name}: ${done.value}`);
    else failures.push({ ...done.error, message: `${name}: ${describeFailure(done.error)}`, hint: undefined });
  }
  const [first] = failures;
  if (first === undefined) return { kind: 'done', note: notes.join('; ') };
  return { kind: 'failed', error: { ...first, message: failures.map(({ message }) => message).join('; ') } };
}
