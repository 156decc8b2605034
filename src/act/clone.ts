import { CLEARING_MS } from '../core/limits.js';
import type { CloneStart, SourceFacts, TargetLook } from '../core/clone.js';
import { getAutoConf } from '../core/autoconf.js';
import { formatConninfo, getValue, setValues, withoutSecrets } from '../core/conninfo.js';
import { mappedLocation } from '../core/copy.js';
import { formatLsn, parseLsn } from '../core/lsn.js';
import type { ServerDef } from '../core/model.js';
import { type Failure, type Outcome, describeFailure, fail, ok } from '../core/outcome.js';
import { slotName } from '../core/slot.js';
import { CLEAR_TARGET_SCRIPT, LINK_WAL_SCRIPT } from '../io/clone-scripts.js';
import { KEEP_OWN_FILES_SCRIPT, PUT_BACK_OWN_FILES_SCRIPT, READ_AUTOCONF_SCRIPT, parseLines } from '../io/scripts.js';
import { waitFor } from '../io/wait.js';
import type { CloneRequest, CopyProgress, PluginKinds } from '../plugin/contract.js';
import type { Tools } from './actor.js';
import { type HeldWal, dropUnused, holdWal, whyLost } from './held-slot.js';
import { writeMark } from './rejoin.js';
import { conninfoFor, makeStandby, startReplica } from './replica.js';
import { service } from './start.js';
import { checkpointOn } from './switchover.js';

/** One server to be made anew, as it was judged: see `judgeClone`. */
export interface ClonePlan {
  readonly target: ServerDef;
  readonly source: ServerDef;
  /** Whom the clone follows, and who keeps its WAL; the source itself, or whom the source follows. */
  readonly master: ServerDef;
  readonly look: TargetLook;
  readonly source_facts: SourceFacts;
  readonly start: CloneStart;
  /** The files of a copy that was broken off are there: they are ours to remove. */
  readonly broken: boolean;
  /** Of the settings of the clone method: where tablespaces go, and the WAL directory. */
  readonly mapping: Readonly<Record<string, string>>;
  readonly waldir: string | null;
  /**
   * Called when the target is stopped, before what it holds is overwritten: the place to save WAL that only it has. A
   * failure ends the clone, and the data directory stays as it is.
   */
  readonly beforeWipe: (tools: Tools, target: ServerDef, master: ServerDef) => Promise<Outcome<unknown>>;
  readonly progress: (seen: CopyProgress) => void;
}

/** How a clone ended. */
export type CloneEnd =
  | { readonly kind: 'done'; readonly details: string }
  | {
      readonly kind: 'failed';
      /** Its data directory as it was; nothing of it; or a whole copy that was stopped. */
      readonly left: 'as_it_was' | 'nothing' | 'copy';
      readonly error: Failure;
      /** What could not be taken away, in words; else empty. */
      readonly not_undone: string;
    };

/**
 * Makes one server anew as a replica: WAL held on the master, the copy by the server's clone method, its own files, its slot,
 * started, and seen streaming. What a failure leaves is taken away; the slots too.
 */
export async function cloneServer(tools: Tools, plan: ClonePlan): Promise<CloneEnd> {
  const { target, source, master } = plan;
  const method = await tools.registry.get('clone_method', target.clone_method);
  if (!method.ok) return { kind: 'failed', left: 'as_it_was', error: method.error, not_undone: '' };
  const [held, conninfo] = await Promise.all([holdWal(tools, plan), copyConninfo(tools, plan)]);
  if (!held.ok) return { kind: 'failed', left: 'as_it_was', error: held.error, not_undone: '' };
  const site: Site = {
    tools: { ...tools, ...interruptedBy(tools, held.value.lost) },
    plan,
    held: held.value,
    touched: false,
    standby: false,
  };
  try {
    const streams = await copyAndBringUp(site, method.value, conninfo);
    if (streams.ok) return { kind: 'done', details: `${target.name} was made from ${source.name}: ${streams.value}` };
    const lost = whyLost(held.value, master);
    const error = lost === null ? streams.error : { ...streams.error, message: `${target.name}: ${lost}` };
    const left = site.standby ? 'copy' : site.touched ? 'nothing' : 'as_it_was';
    return { kind: 'failed', left, error, not_undone: await undo(site, tools) };
  } finally {
    await held.value.close();
  }
}

interface Site {
  readonly tools: Tools;
  readonly plan: ClonePlan;
  readonly held: HeldWal;
  touched: boolean;
  /** The copy is whole, and cannot come up as anything but a replica. */
  standby: boolean;
}

/** Without the WAL the copy is of no use: then it ends as on ctrl-C. */
function interruptedBy(tools: Tools, lost: AbortSignal): Pick<Tools, 'signal' | 'plugin_context'> {
  const signal = AbortSignal.any([tools.signal, lost]);
  return { signal, plugin_context: { ...tools.plugin_context, signal } };
}

/**
 * A replica is behind its master: what is copied from it must reach the WAL that is held on the master, and a copy of it
 * begins at its last checkpoint. So there is a checkpoint after the slot, and the source has it.
 */
async function caughtUp({ tools, plan: { source, master } }: Site): Promise<Outcome<void>> {
  const written = await checkpointOn(tools, master);
  if (!written.ok) return written;
  const at = await tools.sql.query(master, 'SELECT pg_current_wal_flush_lsn() AS lsn');
  if (!at.ok) return at;
  const wanted = parseLsn(at.value[0]?.['lsn'] ?? '');
  if (wanted === null) return fail('sql_query', `${master.name}: its position cannot be read`, { server: master.name });
  const replayed = async (): Promise<boolean> => {
    const lsn = (await tools.look(source)).facts?.replay_lsn ?? null;
    return lsn !== null && lsn >= wanted;
  };
  const deadline = tools.settings.recovery_timeout;
  if (await waitFor(replayed, { deadline, every: 100, signal: tools.signal })) return ok(undefined);
  const where = `${formatLsn(wanted)} of ${master.name}`;
  return fail('step_failed', `${source.name} did not replay up to ${where} within ${deadline / 1000} s`, {
    server: source.name,
    hint: 'wait until it no longer lags, or copy from the master',
  });
}

/** How the copy reaches its source, and with which password. */
type CopyConninfo = Pick<CloneRequest, 'conninfo' | 'password'>;

async function copyConninfo(tools: Tools, { target, source }: ClonePlan): Promise<Outcome<CopyConninfo>> {
  // Its own auto.conf, where it has one: user, TLS and password file stay as the operator chose them.
  const read = await tools.hosts.script(target, READ_AUTOCONF_SCRIPT, [target.pgdata], { signal: tools.signal });
  if (!read.ok) return read;
  const own = getAutoConf(read.value.stdout, 'primary_conninfo');
  const whole = await conninfoFor(tools, target, source, own);
  // By the name of the server it might be counted as a synchronous standby, which a half copy must not be.
  const named = setValues(withoutSecrets(whole), { application_name: slotName(`clone_${target.name}`) });
  return ok({ conninfo: formatConninfo(named), password: getValue(whole, 'password') });
}

async function copyAndBringUp(
  site: Site,
  copy: PluginKinds['clone_method'],
  conninfo: Outcome<CopyConninfo>,
): Promise<Outcome<string>> {
  if (!conninfo.ok) return conninfo;
  const { tools, plan } = site;
  const ready = plan.source.name === plan.master.name ? ok(undefined) : await caughtUp(site);
  if (!ready.ok) return ready;
  const copied = await copy(tools.plugin_context, requestOf(site, conninfo.value));
  return copied.ok ? bringUp(site) : copied;
}

function requestOf(site: Site, conninfo: CopyConninfo): CloneRequest {
  const { plan, held } = site;
  const { target, source, source_facts, look } = plan;
  const { tablespaces, major, data_bytes } = source_facts;
  return {
    ...conninfo,
    source,
    major,
    target,
    tablespaces,
    waldir: look.waldir,
    bytes: tablespaces.reduce((sum, one) => sum + one.bytes, data_bytes),
    prepare: (how) => prepare(site, how),
    walIsStreamed: () => held.release(),
    progress: plan.progress,
  };
}

/** See {@link CloneRequest.prepare}. */
async function prepare(site: Site, how: 'empty' | 'reuse'): Promise<Outcome<void>> {
  const { tools, plan } = site;
  const { target, master, look, start } = plan;
  const tell = (phase: string): void => plan.progress({ server: target.name, phase, bytes: 0, total: null });
  if (start.stop) {
    tell('stopping');
    const timeout = tools.settings.recovery_timeout;
    const stopped = await service(tools, target, 'stop', { mode: 'fast', timeout });
    if (!stopped.ok) return stopped;
  }
  if (tools.signal.aborted) return interrupted(target);
  // Without a control file it is what a copy left; with one it may be what was there before, though a run was killed over it.
  const saved = look.fingerprint === '' ? ok(undefined) : await plan.beforeWipe(tools, target, master);
  if (!saved.ok) return saved;
  const kept = await tools.hosts.script(target, KEEP_OWN_FILES_SCRIPT, [target.pgdata], { signal: tools.signal });
  if (!kept.ok) return kept;
  if (kept.value.exit_code !== 0) {
    return fail('step_failed', `${target.name}: its own files could not be kept: ${kept.value.stderr.trim()}`, {
      server: target.name,
      hint: `the folder above ${target.pgdata} must be writable for the postgres OS user`,
    });
  }
  if (start.replaces) tell('removing the old data');
  site.touched = true;
  const cleared = await clear(tools, plan, how, look.fingerprint, plan.broken);
  return cleared.ok ? dropUnused(tools, master, slotName(target.name)) : cleared;
}

function interrupted(target: ServerDef): Outcome<never> {
  return fail('aborted', `${target.name}: interrupted`, { server: target.name });
}

/** Empties the data directory; `outside`: also the tablespace and WAL directories, when what is in them is a copy's. */
async function clear(
  tools: Tools,
  plan: ClonePlan,
  how: 'empty' | 'reuse',
  fingerprint: string,
  outside: boolean,
): Promise<Outcome<void>> {
  const { target, source_facts, mapping } = plan;
  const folders = outside ? source_facts.tablespaces.map((one) => mappedLocation(one.location, mapping)) : [];
  const waldir = outside ? (plan.waldir ?? plan.look.waldir ?? '') : '';
  const args = [target.pgdata, how, String(source_facts.major), fingerprint, waldir, ...folders];
  const options = { timeout: CLEARING_MS, signal: tools.signal };
  const done = await tools.hosts.long(target, CLEAR_TARGET_SCRIPT, args, options);
  if (!done.ok) return done;
  const said = parseLines(done.value.stdout);
  if (said.get('ready') === 'yes') return ok(undefined);
  const why = said.get('refused') ?? (done.value.stderr.trim() || `exit status ${done.value.exit_code}`);
  return fail('step_failed', `${target.name}: its data directory was not made ready: ${why}`, {
    server: target.name,
    hint: `look at ${target.pgdata} on ${target.hostname}`,
  });
}

/** A whole copy becomes a replica that streams and moves on. */
async function bringUp(site: Site): Promise<Outcome<string>> {
  const { tools, plan, held } = site;
  const { target, master } = plan;
  const tell = (phase: string): void => plan.progress({ server: target.name, phase, bytes: 0, total: null });
  const [own, kept] = await Promise.all([ownFiles(site), target.use_slots ? held.keep() : ok(undefined)]);
  if (!own.ok) return own;
  if (!kept.ok) return kept;
  tell('starting');
  const standby = await makeStandby(tools, target, master);
  if (!standby.ok) return standby;
  site.standby = true;
  return startReplica(tools, target, master);
}

async function ownFiles({ tools, plan: { target } }: Site): Promise<Outcome<unknown>> {
  // A rewind that was broken off here is history now.
  const [back, marked] = await Promise.all([putBackOwnFiles(tools, target), writeMark(tools, target, 'none')]);
  return back.ok ? marked : back;
}

async function putBackOwnFiles(tools: Tools, target: ServerDef): Promise<Outcome<void>> {
  const done = await tools.hosts.script(target, PUT_BACK_OWN_FILES_SCRIPT, [target.pgdata], { signal: tools.signal });
  if (!done.ok) return done;
  if (done.value.exit_code === 0) return ok(undefined);
  return fail('step_failed', `${target.name}: its own files could not be put back: ${done.value.stderr.trim()}`, {
    server: target.name,
    hint: `they are in the folder .handyrep-own-… beside ${target.pgdata}`,
  });
}

/**
 * After a failure: a copy that is not whole is removed, whatever the method did about it by itself; one that is whole and does
 * not stream is stopped, and stays for its log to be read. The slot is dropped in any case. A server that was stopped and not
 * touched is started again. Gives what could not be done of that, in words; ctrl-C ends none of it.
 */
async function undo(site: Site, outer: Tools): Promise<string> {
  const { target, master } = site.plan;
  const signal = new AbortController().signal;
  const tools = { ...outer, signal, plugin_context: { ...outer.plugin_context, signal } };
  const left: Outcome<unknown>[] = [];
  // It may never have come up, so that there is nothing to stop.
  if (site.standby) await service(tools, target, 'stop', { mode: 'fast' });
  else if (site.touched) left.push(...(await removeCopy(tools, site.plan)));
  else if (site.plan.start.stop) left.push(await service(tools, target, 'start'));
  // Its old slot or its new one: either would keep WAL for nobody.
  if (site.touched) left.push(await dropUnused(tools, master, slotName(target.name)));
  return left.flatMap((one) => (one.ok ? [] : [describeFailure(one.error)])).join('; ');
}

async function removeCopy(tools: Tools, plan: ClonePlan): Promise<readonly Outcome<unknown>[]> {
  const { target, look, waldir } = plan;
  const cleared = await clear(tools, plan, 'empty', 'any', true);
  if (!cleared.ok) return [cleared];
  const back = await putBackOwnFiles(tools, target);
  if (waldir !== null || look.waldir === null) return [back];
  return [back, await tools.hosts.script(target, LINK_WAL_SCRIPT, [target.pgdata, look.waldir])];
}
