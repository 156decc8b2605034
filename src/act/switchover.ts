import { HANDOVER_PROOF_MS, LATE_STOP_MS, LONGEST_START_MS } from '../core/limits.js';
import { parseControlFile } from '../core/controlfile.js';
import { holdsShutdown, reached } from '../core/handover.js';
import { formatLsn } from '../core/lsn.js';
import type { ServerDef } from '../core/model.js';
import type { ControlFile } from '../core/observation.js';
import { type Failure, type Outcome, describeFailure, fail, ok } from '../core/outcome.js';
import { slotName } from '../core/slot.js';
import { LEAVE_SIGNAL_SCRIPT, WATCH_SHUTDOWN_SCRIPT, parseLines } from '../io/scripts.js';
import { waitFor } from '../io/wait.js';
import { lookAtHost } from '../observe/host.js';
import { type Actor, type StepInput, type StepResult, type Tools, serverDef } from './actor.js';
import { withReplica } from './record.js';
import { makeStandby, startReplica } from './replica.js';
import { remasterOne, streamsFrom } from './remaster.js';
import { dropStaleSlots, ensureSlot } from './slots.js';
import { service } from './start.js';

/** Writes out what is dirty, so that the shutdown checkpoint, which the clients wait for, is short. */
export async function checkpoint(
  { actor }: StepInput,
  step: { readonly servers: readonly string[] },
): Promise<StepResult> {
  const servers = step.servers.flatMap((name) => serverDef(actor, name) ?? []);
  const done = await Promise.all(servers.map((server) => checkpointOn(actor, server)));
  const failed = done.flatMap((one): Failure[] => (one.ok ? [] : [one.error]));
  if (failed.length > 0)
    return { kind: 'abort', error: { ...failed[0], message: failed.map(describeFailure).join('; ') } as Failure };
  return { kind: 'done', note: `checkpoints written on ${servers.map((one) => one.name).join(' and ')}` };
}

/** CHECKPOINT as our role (pg_checkpoint, since PostgreSQL 15), else as superuser. */
export async function checkpointOn(tools: Tools, server: ServerDef): Promise<Outcome<void>> {
  const options = { timeout: tools.settings.command_timeout, signal: tools.signal };
  const tried = await tools.sql.query(server, 'CHECKPOINT', [], options);
  if (tried.ok || tried.error.cause !== '42501') return tried.ok ? ok(undefined) : tried;
  const again = await tools.sql.query(server, 'CHECKPOINT', [], { ...options, user: 'superuser' });
  return again.ok ? ok(undefined) : again;
}

/**
 * Stops the old master fast, by the method that owns its process. It is down when its control file says so: by then nobody
 * can write any more, though the postmaster may still wait for its archiver.
 */
export async function stopOldMaster({ actor }: StepInput, step: { readonly server: string }): Promise<StepResult> {
  const server = serverDef(actor, step.server);
  if (server === null) return abort(`${step.server} is no longer a known server`);
  const { recovery_timeout } = actor.settings;
  const signal = await actor.hosts.script(server, LEAVE_SIGNAL_SCRIPT, [server.pgdata], { signal: actor.signal });
  if (!signal.ok) return { kind: 'abort', error: signal.error };
  const said = parseLines(signal.value.stdout);
  if (said.get('signal') !== 'yes') {
    return abort(
      `${server.name}: standby.signal could not be left: ${said.get('unknown') ?? signal.value.stderr.trim()}`,
    );
  }
  const stopping = service(actor, server, 'stop', { mode: 'fast', timeout: recovery_timeout });
  const control = await watchShutdown(actor, server, stopping);
  if (control?.state === 'shut down') {
    const { timeline, checkpoint_lsn: lsn } = control;
    return {
      kind: 'done',
      note: `${server.name} is shut down, its last record is the checkpoint at ${formatLsn(lsn)}`,
      operation: (one) => ({ ...one, shutdown_checkpoint: { timeline, lsn } }),
    };
  }
  const stopped = await stopping;
  const why = stopped.ok
    ? `its control file says "${control?.state ?? 'nothing readable'}"`
    : describeFailure(stopped.error);
  return abort(`${server.name} did not shut down: ${why}`);
}

/** The control file when it says "shut down", or when there is no hope left that it will. */
async function watchShutdown(
  tools: Tools,
  server: ServerDef,
  stopping: Promise<Outcome<string>>,
): Promise<ControlFile | null> {
  const { recovery_timeout, ssh_timeout } = tools.settings;
  const hopeless = new AbortController();
  void stopping.then((stopped) => {
    if (!stopped.ok) setTimeout(() => hopeless.abort(), LATE_STOP_MS).unref();
  });
  const seconds = String(Math.max(1, Math.ceil(recovery_timeout / 1000)));
  const watched = await tools.hosts.script(server, WATCH_SHUTDOWN_SCRIPT, [server.pgdata, seconds], {
    timeout: recovery_timeout + ssh_timeout,
    signal: AbortSignal.any([tools.signal, hopeless.signal]),
  });
  return watched.ok ? parseControlFile(parseLines(watched.value.stdout).get('control') ?? '') : null;
}

const PROOF_EVERY_MS = 10;

/** The proof that makes a switchover lose nothing: without it nobody is promoted. */
export async function proveCandidate(
  { actor, operation }: StepInput,
  step: { readonly server: string },
): Promise<StepResult> {
  const server = serverDef(actor, step.server);
  const { shutdown_checkpoint: last } = operation;
  if (server === null || last === null) return abort('there is no shutdown checkpoint to compare with');
  let where = 'does not answer';
  const holds = async (): Promise<boolean> => {
    const { facts } = await actor.look(server);
    const at = reached(facts);
    where = at === null ? 'does not tell its position' : `is at ${formatLsn(at)}`;
    return holdsShutdown(facts, last);
  };
  const deadline = Math.max(HANDOVER_PROOF_MS, actor.settings.connect_timeout);
  if (await waitFor(holds, { deadline, every: PROOF_EVERY_MS, signal: actor.signal })) {
    return {
      kind: 'done',
      note: `${server.name} holds the shutdown checkpoint at ${formatLsn(last.lsn)}`,
      operation: (one) => ({ ...one, loss: 'none (it holds the shutdown checkpoint of the old master)' }),
    };
  }
  return abort(
    `${server.name} does not hold the shutdown checkpoint at ${formatLsn(last.lsn)} of timeline ${last.timeline}: it ${where}`,
  );
}

function abort(message: string): StepResult {
  return {
    kind: 'abort',
    error: fail('step_failed', message, { hint: 'see the log of that server, and try again' }).error,
  };
}

/** The old master comes back as a replica of the new one: it was stopped cleanly and has nothing that is not there too. */
export async function returnOldMaster(
  { actor, operation }: StepInput,
  step: { readonly server: string },
): Promise<StepResult> {
  const old = serverDef(actor, step.server);
  const master = operation.new_master === null ? null : serverDef(actor, operation.new_master);
  if (old === null || master === null)
    return { kind: 'failed', error: fail('step_failed', 'no server was chosen').error };
  const done = await comeBack(actor, old, master);
  if (!done.ok) {
    const hint = `bring it back with \`handyrep rejoin ${old.name}\``;
    return { kind: 'failed', error: { ...done.error, message: describeFailure(done.error), hint } };
  }
  return { kind: 'done', note: done.value, change: (state) => withReplica(state, old.name) };
}

async function comeBack(actor: Actor, old: ServerDef, master: ServerDef): Promise<Outcome<string>> {
  const streams = await followAgain(actor, old, master);
  if (!streams.ok) return streams;
  const dropped = await dropStaleSlots(actor.sql, old, []);
  if (!dropped.ok) return ok(`${streams.value}; its old slots stay: ${describeFailure(dropped.error)}`);
  const slots = dropped.value.length === 0 ? '' : `; dropped its slots ${dropped.value.join(', ')}`;
  return ok(`${streams.value}${slots}`);
}

/** A run that was killed here may have started it already: then it is asked, and not started twice. */
async function followAgain(actor: Actor, old: ServerDef, master: ServerDef): Promise<Outcome<string>> {
  let seen = await actor.look(old);
  const settled = async (): Promise<boolean> => {
    if (await isStopped(actor, old)) return true;
    seen = await actor.look(old);
    return seen.facts?.in_recovery === true;
  };
  const { command_timeout: deadline } = actor.settings;
  if (!(await waitFor(settled, { deadline, every: 50, signal: actor.signal }))) {
    return fail('step_failed', `${old.name}: its postmaster has shut down and does not end`, { server: old.name });
  }
  if (seen.facts?.in_recovery === true) {
    const done = await remasterOne(actor, old, master);
    return done.ok ? ok(streamsFrom(done.value, master)) : done;
  }
  if (old.use_slots) {
    const made = await ensureSlot(actor.sql, master, slotName(old.name));
    if (!made.ok) return made;
  }
  const standby = await makeStandby(actor, old, master);
  // The lock is held meanwhile.
  return standby.ok ? startReplica(actor, old, master, LONGEST_START_MS) : standby;
}

async function isStopped(tools: Tools, server: ServerDef): Promise<boolean> {
  const timeout = tools.settings.ssh_timeout + tools.settings.connect_timeout;
  const look = await lookAtHost(tools.hosts, server, { timeout, signal: tools.signal });
  return look.kind === 'looked' && look.postmaster.kind === 'not_running';
}
