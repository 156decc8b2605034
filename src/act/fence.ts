import { FENCE_EXTRA_MS } from '../core/limits.js';
import { parseControlFile } from '../core/controlfile.js';
import { withFencingOwed } from '../core/journal.js';
import type { FenceWay, ServerDef } from '../core/model.js';
import { type Outcome, fail, ok } from '../core/outcome.js';
import { canMeanDown, describeReach } from '../core/situation.js';
import { FENCE_SCRIPT, UNFENCE_SCRIPT, parseLines } from '../io/scripts.js';
import { type Actor, type StepInput, type StepResult, type Tools, lookOrKnown, serverDef } from './actor.js';

/** Ends whatever may write in a data directory and leaves standby.signal; ok only when both are proved. */
export async function fenceByCommand(
  actor: Tools,
  server: ServerDef,
  mode: 'signal' | 'kill',
): Promise<Outcome<string>> {
  const timeout = actor.settings.ssh_timeout + FENCE_EXTRA_MS;
  const done = await actor.hosts.script(server, FENCE_SCRIPT, [server.pgdata, mode], { timeout, signal: actor.signal });
  if (!done.ok) return done;
  const found = parseLines(done.value.stdout);
  if (found.get('fenced') === 'yes') {
    const control = parseControlFile(found.get('control') ?? '');
    const state = control === null ? '' : `, its control file says "${control.state}"`;
    return ok(`${server.name}: no process left, standby.signal written${state}`);
  }
  const running = found.get('running');
  if (running !== undefined) {
    return fail('step_failed', `${server.name}: its postmaster runs again (pid ${running}): somebody started it`, {
      server: server.name,
      hint: 'the next check decides anew',
    });
  }
  const why = found.get('unknown') ?? (done.value.stderr.trim() || `exit status ${done.value.exit_code}`);
  return fail('step_failed', `${server.name}: it could not be fenced: ${why}`, {
    server: server.name,
    hint: `stop PostgreSQL on ${server.hostname} by hand and create standby.signal in ${server.pgdata}`,
  });
}

/** Takes standby.signal away again, from a master that stays master. */
export async function unfence(actor: Tools, server: ServerDef): Promise<Outcome<string>> {
  const timeout = actor.settings.ssh_timeout + actor.settings.command_timeout;
  const done = await actor.hosts.script(server, UNFENCE_SCRIPT, [server.pgdata], { timeout, signal: actor.signal });
  if (!done.ok) return done;
  if (parseLines(done.value.stdout).get('unfenced') === 'yes') return ok(`${server.name}: standby.signal removed`);
  return fail('step_failed', `${server.name}: standby.signal could not be removed: ${done.value.stderr.trim()}`, {
    server: server.name,
    hint: `remove ${server.pgdata}/standby.signal by hand before it is started as master`,
  });
}

/** The first step of every failover: the old master must not take writes. */
export async function fenceOldMaster(
  { actor, situation }: StepInput,
  step: { readonly server: string; readonly way: FenceWay },
): Promise<StepResult> {
  const server = serverDef(actor, step.server);
  if (server === null) {
    return { kind: 'abort', error: fail('unknown_server', `${step.server} is no longer a known server`).error };
  }
  switch (step.way.kind) {
    case 'signal':
    case 'kill': {
      const done = await fenceByCommand(actor, server, step.way.kind);
      return done.ok ? { kind: 'done', note: done.value } : { kind: 'abort', error: done.error };
    }
    case 'plugin':
      return fenceByPlugin(actor, server, step.way.method, situation?.policy.require_fencing ?? true);
    case 'owed':
      return stillSilent(actor, server);
  }
}

async function fenceByPlugin(actor: Actor, server: ServerDef, method: string, required: boolean): Promise<StepResult> {
  const plugin = await actor.registry.get('fence_method', method);
  const done = plugin.ok ? await plugin.value(actor.plugin_context, server) : plugin;
  if (done.ok) return { kind: 'done', note: done.value };
  if (required) return { kind: 'abort', error: done.error };
  // Without require_fencing a lost host that every witness gave up is replaced with its fencing owed.
  const silent = await stillSilent(actor, server);
  if (silent.kind !== 'done') return silent;
  return { ...silent, note: `${done.error.message}; ${silent.note}`, operation: withFencingOwed };
}

/** Nothing reaches it; one last look, or what is as new, because between the decision and now it may have come back. */
async function stillSilent(actor: Actor, server: ServerDef): Promise<StepResult> {
  const seen = await lookOrKnown(actor, server);
  if (canMeanDown(seen)) {
    return { kind: 'done', note: `${server.name}: nothing reaches it, the fencing is owed (${describeReach(seen)})` };
  }
  const error = fail('step_failed', `${server.name} answers again: ${describeReach(seen)}`, {
    server: server.name,
    hint: 'the next check decides anew',
  }).error;
  return { kind: 'abort', error };
}
