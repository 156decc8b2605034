import type { ServerDef } from '../core/model.js';
import { type Failure, describeFailure, fail } from '../core/outcome.js';
import { waitFor } from '../io/wait.js';
import { writeProbe } from '../io/write-probe.js';
import { type Actor, type StepInput, type StepResult, serverDef } from './actor.js';
import { fenceByCommand } from './fence.js';
import { withNudges } from './nudge.js';

const LOOK_EVERY_MS = 20;

function chosen({ actor, operation }: StepInput): ServerDef | null {
  return operation.new_master === null ? null : serverDef(actor, operation.new_master);
}

const NOT_CHOSEN = fail('step_failed', 'no server was chosen', { hint: 'run `handyrep failover-check` again' }).error;

/** Promotes the chosen server and believes its role, not the method's word. */
export async function promote(input: StepInput): Promise<StepResult> {
  const { actor } = input;
  const server = chosen(input);
  if (server === null) return { kind: 'abort', error: NOT_CHOSEN };
  const plugin = await actor.registry.get('promotion_method', server.promotion_method);
  const { done: asked, woken } = plugin.ok
    ? await withNudges(actor, server, plugin.value(actor.plugin_context, server))
    : { done: plugin, woken: 0 };
  const role = await settledRole(
    actor,
    server,
    asked.ok ? actor.settings.recovery_timeout : actor.settings.connect_timeout,
  );
  if (role === 'master')
    return { kind: 'done', note: `${asked.ok ? asked.value : `${server.name} is promoted`}${describeWoken(woken)}` };
  const error = asked.ok
    ? fail('step_failed', `${server.name}: ${asked.value}, but it is ${role}`, { server: server.name }).error
    : asked.error;
  if (role === 'not answering') return leaveOpen(error);
  return neverBegan(error) ? { kind: 'next_candidate', server: server.name, error } : giveUpOn(actor, server, error);
}

function describeWoken(woken: number): string {
  return woken === 0 ? '' : '; it slept before that (wal_retrieve_retry_interval), and was woken';
}

/** The server refused the statement, or there was nothing to ask it with: no promotion can happen later. */
function neverBegan({ code, cause }: Failure): boolean {
  if (code === 'plugin_missing' || code === 'plugin_broken' || code === 'command_missing') return true;
  // SQLSTATE class 42: syntax error or access rule violation.
  return code === 'sql_query' && cause?.startsWith('42') === true;
}

/** Its role once it says that it is master, else what it said last. */
async function settledRole(actor: Actor, server: ServerDef, deadline: number): ReturnType<typeof roleOf> {
  let role: Awaited<ReturnType<typeof roleOf>> = 'not answering';
  const promoted = async (): Promise<boolean> => {
    role = await roleOf(actor, server);
    return role === 'master';
  };
  await waitFor(promoted, { deadline, every: LOOK_EVERY_MS, signal: actor.signal });
  return role;
}

/** It may take writes already: neither killed nor replaced before somebody has seen what it is. */
function leaveOpen(error: Failure): StepResult {
  const hint = 'the next check looks at it again and goes on from what it finds';
  return { kind: 'stop', error: { ...error, message: `${error.message}; it does not answer now`, hint } };
}

/**
 * A promotion that failed may still happen later: the next candidate is tried only after this one is proved unable to
 * take writes.
 */
async function giveUpOn(actor: Actor, server: ServerDef, error: Failure): Promise<StepResult> {
  const fenced = await fenceByCommand(actor, server, 'kill');
  if (fenced.ok) return { kind: 'next_candidate', server: server.name, error };
  const role = await roleOf(actor, server);
  if (role === 'master') return { kind: 'done', note: `${server.name} is promoted, late` };
  const message = `it cannot be proved that it stays a replica: ${describeFailure(fenced.error)}`;
  return leaveOpen({ ...error, message: `${error.message}; ${message}` });
}

async function roleOf(actor: Actor, server: ServerDef): Promise<'master' | 'still in recovery' | 'not answering'> {
  const { facts } = await actor.look(server);
  if (facts === null) return 'not answering';
  return facts.in_recovery ? 'still in recovery' : 'master';
}

/** Proves that the new master takes writes. */
export async function proveWrites(input: StepInput): Promise<StepResult> {
  const { actor, operation } = input;
  const server = chosen(input);
  if (server === null) return { kind: 'failed', error: NOT_CHOSEN };
  const { recovery_timeout: deadline } = actor.settings;
  let last: Failure = fail('step_failed', `${server.name} acknowledged no transaction in ${deadline / 1000} s`).error;
  const writes = async (): Promise<boolean> => {
    const wrote = await writeProbe(actor.sql, server, operation.id, { signal: actor.signal });
    if (!wrote.ok) last = wrote.error;
    return wrote.ok;
  };
  const done = await waitFor(writes, { deadline, every: LOOK_EVERY_MS, signal: actor.signal });
  if (done) return { kind: 'done', note: `${server.name} acknowledged a transaction` };
  return { kind: 'failed', error: last };
}
