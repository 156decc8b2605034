import { formatConninfo } from '../core/conninfo.js';
import type { ServerDef } from '../core/model.js';
import { type Failure, type Outcome, describeFailure, fail, ok } from '../core/outcome.js';
import { slotName } from '../core/slot.js';
import { FORGET_OWN_FILES_SCRIPT, READ_MARK_SCRIPT, WRITE_MARK_SCRIPT } from '../io/rejoin-scripts.js';
import { KEEP_OWN_FILES_SCRIPT, PUT_BACK_OWN_FILES_SCRIPT, parseLines } from '../io/scripts.js';
import { waitFor } from '../io/wait.js';
import { lookAtHost } from '../observe/host.js';
import type { CopyProgress } from '../plugin/contract.js';
import type { Tools } from './actor.js';
import { type Inspection, type KeptWal, describeKept, inspectWal, keepWal } from './diverged.js';
import { fenceByCommand } from './fence.js';
import { rewindConninfo } from './login.js';
import { makeStandby, startReplica } from './replica.js';
import { dropStaleSlots, ensureSlot } from './slots.js';
import { service } from './start.js';
import { checkpointOn } from './switchover.js';

/** Builds the whole data directory of a stopped server anew from the master, by the server's clone_method. */
export type Reclone = (tools: Tools, target: ServerDef, master: ServerDef) => Promise<Outcome<string>>;

export interface RejoinJob {
  readonly target: ServerDef;
  readonly master: ServerDef;
  /** Name of the rejoin_method. */
  readonly method: string;
  readonly may_reclone: boolean;
  readonly reclone: Reclone;
  progress(seen: CopyProgress): void;
  /** What was found and done, as it comes, for the log and the history. */
  note(text: string): void;
}

/** What a rejoin came to, as far as it came. */
export interface Rejoined {
  readonly outcome: Outcome<string>;
  /** Null: it did not come so far as to tell, or it cannot be told. */
  readonly diverged: boolean | null;
  readonly kept: KeptWal | null;
}

/** Whether the data directory was overwritten: `begun` and it is no good, `whole` and only its own files are missing. */
export type Mark = 'none' | 'begun' | 'whole';

export async function readMark(
  tools: Tools,
  server: ServerDef,
): Promise<Outcome<{ readonly mark: Mark; readonly file: string }>> {
  const done = await tools.hosts.script(server, READ_MARK_SCRIPT, [server.pgdata], { signal: tools.signal });
  if (!done.ok) return done;
  const said = parseLines(done.value.stdout);
  const mark = said.get('mark');
  if (mark === 'none' || mark === 'begun' || mark === 'whole') return ok({ mark, file: said.get('file') ?? '' });
  return fail('step_failed', `${server.name}: the look beside ${server.pgdata} said nothing`, { server: server.name });
}

/** Also for whoever makes the data directory anew by another way: `none`, once it is good. */
export async function writeMark(tools: Tools, server: ServerDef, mark: Mark): Promise<Outcome<void>> {
  const done = await tools.hosts.script(server, WRITE_MARK_SCRIPT, [server.pgdata, mark], { signal: tools.signal });
  if (!done.ok) return done;
  if (parseLines(done.value.stdout).get('marked') === mark) return ok(undefined);
  return fail(
    'step_failed',
    `${server.name}: no note can be left beside ${server.pgdata}: ${done.value.stderr.trim()}`,
    {
      server: server.name,
      hint: 'that folder must be writable by the postgres OS user',
    },
  );
}

/**
 * Brings a server back behind the master, without the lock: stop, judge, keep what only it has, rewind where it diverged, put
 * its own files back, start and prove. What fails leaves it stopped with standby.signal; whether its data directory is still
 * good is told by {@link readMark}.
 */
export async function rejoinServer(tools: Tools, job: RejoinJob): Promise<Rejoined> {
  const { target, master } = job;
  let kept: KeptWal | null = null;
  let diverged: boolean | null = null;
  const end = (outcome: Outcome<string>): Rejoined => ({ outcome, diverged, kept });
  const failed = (phase: string, error: Failure): Rejoined =>
    end({ ok: false, error: { ...error, message: `${phase}: ${error.message}` } });

  const stopped = await stopProved(tools, target);
  if (!stopped.ok) return failed('stopping it', stopped.error);
  const marked = await readMark(tools, target);
  if (!marked.ok) return failed('looking at it', marked.error);
  let { mark } = marked.value;
  if (mark === 'whole') {
    const settled = await settle(tools, target);
    if (!settled.ok) return failed('putting its own files back', settled.error);
    job.note(`${target.name}: an earlier run has overwritten it well: it goes on from there`);
    mark = 'none';
  }

  const slot = target.use_slots ? await ensureSlot(tools.sql, master, slotName(target.name)) : ok(undefined);
  if (!slot.ok) return failed(`its slot on ${master.name}`, slot.error);
  // Without one pg_rewind compares with the control file from before the promotion.
  const checkpoint = await checkpointSeen(tools, master);
  if (!checkpoint.ok) return failed(`checkpoint on ${master.name}`, checkpoint.error);

  if (mark === 'none') {
    // Kept by a run that overwrote nothing: by now older than the files themselves.
    const forgotten = await tools.hosts.script(target, FORGET_OWN_FILES_SCRIPT, [target.pgdata], {
      signal: tools.signal,
    });
    if (!forgotten.ok) return failed('looking at it', forgotten.error);
    const inspected = await inspectWal(tools, target, master);
    if (!inspected.ok) return failed('comparing its WAL', inspected.error);
    const { divergence } = inspected.value;
    job.note(`${target.name}: ${describe(inspected.value)}`);
    diverged = divergence.kind === 'untold' ? null : divergence.kind === 'diverged';
    if (divergence.kind !== 'none') {
      const saved = await keepWal(tools, target, master, inspected.value);
      if (!saved.ok) return failed('keeping its WAL', saved.error);
      kept = saved.value;
      job.note(`${target.name}: ${describeKept(kept)}`);
    }
  }
  if (mark === 'begun' || diverged !== false) {
    const rewound = await overwrite(tools, job, mark);
    if (!rewound.ok) return failed(mark === 'begun' ? 'copying it anew' : job.method, rewound.error);
    job.note(rewound.value);
    const settled = await settle(tools, target);
    if (!settled.ok) return failed('putting its own files back', settled.error);
  }
  return end(await follow(tools, target, master));
}

function describe({ divergence }: Inspection): string {
  switch (divergence.kind) {
    case 'none':
      return `it has not diverged: ${divergence.why}`;
    case 'diverged':
      return `it has diverged: ${divergence.why}`;
    case 'untold':
      return `it is taken for diverged: ${divergence.why}`;
  }
}

/** Stops it fast where it runs; then no process is left, and it cannot start writable. */
async function stopProved(tools: Tools, target: ServerDef): Promise<Outcome<string>> {
  const { recovery_timeout, ssh_timeout, connect_timeout } = tools.settings;
  const runs = async (): Promise<boolean> => {
    const look = await lookAtHost(tools.hosts, target, {
      timeout: ssh_timeout + connect_timeout,
      signal: tools.signal,
    });
    return look.kind !== 'looked' || look.postmaster.kind !== 'not_running';
  };
  if (await runs()) {
    const asked = await service(tools, target, 'stop', { mode: 'fast', timeout: recovery_timeout });
    const gone = await waitFor(async () => !(await runs()), {
      deadline: recovery_timeout,
      every: 100,
      signal: tools.signal,
    });
    if (!gone) {
      const why = asked.ok ? 'its postmaster is still there' : describeFailure(asked.error);
      return fail('step_failed', `${target.name} does not stop: ${why}`, { server: target.name });
    }
  }
  return fenceByCommand(tools, target, 'signal');
}

const CONTROL_EVERY_MS = 100;

/** A checkpoint on the master, and its timeline in the master's control file, which pg_rewind goes by. */
async function checkpointSeen(tools: Tools, master: ServerDef): Promise<Outcome<void>> {
  const { signal, settings } = tools;
  const now = await tools.sql.identify(master, { signal });
  if (!now.ok) return now;
  const { timeline } = now.value;
  const done = await checkpointOn(tools, master);
  if (!done.ok) return done;
  const seen = await waitFor(
    async () => {
      const rows = await tools.sql.query(master, 'SELECT timeline_id FROM pg_control_checkpoint()', [], { signal });
      return rows.ok && Number(rows.value[0]?.['timeline_id']) === timeline;
    },
    { deadline: settings.command_timeout, every: CONTROL_EVERY_MS, signal },
  );
  if (seen) return ok(undefined);
  return fail('step_failed', `${master.name}: its control file does not show timeline ${timeline} after a checkpoint`, {
    server: master.name,
  });
}

/** The rejoin_method, or after a broken rewind nothing but a new copy, with the server's own files kept beside it. */
async function overwrite(tools: Tools, job: RejoinJob, mark: Mark): Promise<Outcome<string>> {
  const { target, master, method } = job;
  const { signal, settings } = tools;
  const host = (script: string): ReturnType<Tools['hosts']['script']> =>
    tools.hosts.script(target, script, [target.pgdata], { signal });
  if (mark === 'none') {
    const kept = await host(KEEP_OWN_FILES_SCRIPT);
    if (!kept.ok) return kept;
    if (kept.value.exit_code !== 0) {
      return fail('step_failed', `${target.name}: its own files cannot be kept: ${kept.value.stderr.trim()}`, {
        server: target.name,
      });
    }
  }
  const reclone = async (): Promise<Outcome<string>> => {
    // Asked before the directory is declared no good: a method that is missing overwrites nothing.
    const way = await tools.registry.get('clone_method', target.clone_method);
    if (!way.ok) return way;
    const begun = await writeMark(tools, target, 'begun');
    if (!begun.ok) return begun;
    const done = await job.reclone(tools, target, master);
    if (!done.ok) return done;
    const whole = await writeMark(tools, target, 'whole');
    return whole.ok ? done : whole;
  };
  if (mark === 'begun') return reclone();
  const plugin = await tools.registry.get('rejoin_method', method);
  if (!plugin.ok) return plugin;
  const conninfo = formatConninfo(rewindConninfo(settings, master));
  return plugin.value(tools.plugin_context, {
    target,
    master,
    diverged: true,
    conninfo,
    password: settings.handyrep_pass,
    may_reclone: job.may_reclone,
    reclone,
    progress: (seen) => {
      job.progress(seen);
    },
  });
}

/** Puts back what was kept of a server's own files; with that an overwritten data directory is good. */
async function settle(tools: Tools, target: ServerDef): Promise<Outcome<void>> {
  const done = await tools.hosts.script(target, PUT_BACK_OWN_FILES_SCRIPT, [target.pgdata], { signal: tools.signal });
  if (!done.ok) return done;
  if (done.value.exit_code === 0) return writeMark(tools, target, 'none');
  return fail('step_failed', `${target.name}: its own files cannot be put back: ${done.value.stderr.trim()}`, {
    server: target.name,
  });
}

async function follow(tools: Tools, target: ServerDef, master: ServerDef): Promise<Outcome<string>> {
  const standby = await makeStandby(tools, target, master);
  if (!standby.ok) return standby;
  const streams = await startReplica(tools, target, master);
  if (!streams.ok) {
    const { message, hint } = streams.error;
    const gone = `where ${master.name} has removed WAL that it needs, \`handyrep clone ${target.name} --reclone\``;
    const hints = hint === undefined ? gone : `${hint}; ${gone}`;
    return { ok: false, error: { ...streams.error, message: `starting it: ${message}`, hint: hints } };
  }
  const dropped = await dropStaleSlots(tools.sql, target, []);
  if (!dropped.ok) return ok(`${streams.value}; its old slots stay: ${describeFailure(dropped.error)}`);
  return ok(
    dropped.value.length === 0 ? streams.value : `${streams.value}; dropped its slots ${dropped.value.join(', ')}`,
  );
}

/** After a failure: stopped, with standby.signal, whatever the failure was. Null, or why that is not certain. */
export async function leaveStopped(tools: Tools, target: ServerDef): Promise<string | null> {
  const done = await stopProved(tools, target);
  return done.ok ? null : describeFailure(done.error);
}
