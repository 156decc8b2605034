import { LONGEST_RECOVERY_MS } from '../core/limits.js';
import { getAutoConf, setAutoConf } from '../core/autoconf.js';
import { type Conninfo, formatConninfo, parseConninfo, pointAt, setValues } from '../core/conninfo.js';
import type { Lsn } from '../core/lsn.js';
import type { ServerDef } from '../core/model.js';
import { type Outcome, fail, ok } from '../core/outcome.js';
import { slotName } from '../core/slot.js';
import { MAKE_STANDBY_SCRIPT, READ_AUTOCONF_SCRIPT, parseLines } from '../io/scripts.js';
import { pause } from '../io/wait.js';
import { writeProbe } from '../io/write-probe.js';
import type { Tools } from './actor.js';
import { follows } from './remaster.js';
import { startEventually } from './start.js';
import { readFollowing } from './upstream.js';

/**
 * Makes a stopped data directory, proved good, the one of a replica of `master`: whom it follows in postgresql.auto.conf, and
 * standby.signal. Its slot must be there already. Starts nothing.
 */
export async function makeStandby(tools: Tools, replica: ServerDef, master: ServerDef): Promise<Outcome<void>> {
  const read = await tools.hosts.script(replica, READ_AUTOCONF_SCRIPT, [replica.pgdata], { signal: tools.signal });
  if (!read.ok) return read;
  const text = read.value.stdout;
  const conninfo = await conninfoFor(tools, replica, master, getAutoConf(text, 'primary_conninfo'));
  const input = setAutoConf(text, {
    primary_conninfo: formatConninfo(conninfo),
    primary_slot_name: replica.use_slots ? slotName(replica.name) : '',
  });
  const done = await tools.hosts.script(replica, MAKE_STANDBY_SCRIPT, [replica.pgdata], {
    input,
    signal: tools.signal,
  });
  if (!done.ok) return done;
  const said = parseLines(done.value.stdout);
  if (said.get('standby') === 'yes') return ok(undefined);
  const running = said.get('running');
  const why = running === undefined ? (said.get('unknown') ?? done.value.stderr.trim()) : `it runs (pid ${running})`;
  return fail('step_failed', `${replica.name}: it could not be made a replica: ${why}`, {
    server: replica.name,
    hint: `look at ${replica.pgdata} on ${replica.hostname}; PostgreSQL must be stopped there`,
  });
}

/**
 * How a replica reaches its master: its own connection string where it has one, else one of a server that has, else a new
 * one; so user, TLS and password file stay as the operator chose them. May hold a password.
 */
export async function conninfoFor(
  tools: Tools,
  replica: ServerDef,
  master: ServerDef,
  own: string | null,
): Promise<Conninfo> {
  const known = own === null || own === '' ? null : parseConninfo(own);
  const template = known ?? (await conninfoOfOthers(tools, replica)) ?? [];
  const { replication_user: user, replication_pass: password } = tools.settings;
  const address = { host: master.hostname, port: String(master.port) };
  const named = setValues(pointAt(template, address, { user }), { application_name: replica.name });
  return password === null ? named : setValues(named, { password });
}

async function conninfoOfOthers(tools: Tools, replica: ServerDef): Promise<Conninfo | null> {
  const others = tools.plugin_context.servers.filter((one) => one.enabled && one.name !== replica.name);
  const found = await Promise.all(others.map((other) => readFollowing(tools.sql, other)));
  return found.flatMap((one) => (one.ok && one.value.conninfo.length > 0 ? [one.value.conninfo] : []))[0] ?? null;
}

/**
 * Starts a prepared replica, and proves that it streams from its master and moves on; `longest` is the end of all patience,
 * milliseconds. It is looked at while what starts it still waits, which may take longer than PostgreSQL does (pg_ctl looks ten
 * times a second).
 */
export async function startReplica(
  tools: Tools,
  replica: ServerDef,
  master: ServerDef,
  longest: number = LONGEST_RECOVERY_MS,
): Promise<Outcome<string>> {
  const starting = startEventually(tools, replica);
  const streams = await proveReplication(tools, { replica, master, longest }, starting);
  const started = await starting;
  return started.ok ? streams : started;
}

/** A small replica is there at once; one that takes longer is not hurried by being asked. */
const LOOK_EVERY_MS = { first: 10, most: 100 };

/** Who is to follow whom, and the end of all patience, milliseconds. */
interface Following {
  readonly replica: ServerDef;
  readonly master: ServerDef;
  readonly longest: number;
}

/**
 * Waits until a replica streams from this master and has what the master writes now. As long as it recovers or moves on it
 * is waited for; when nothing moves for `recovery_timeout` after it was started, it has failed.
 */
async function proveReplication(
  tools: Tools,
  { replica, master, longest }: Following,
  starting: Promise<Outcome<unknown>>,
): Promise<Outcome<string>> {
  const began = performance.now();
  const seen = { moved: began, patience: longest };
  const over = new AbortController();
  void starting.then((started) => {
    seen.moved = performance.now();
    seen.patience = tools.settings.recovery_timeout;
    // Nobody waits for a server that did not start.
    if (!started.ok) over.abort();
  });
  let last: unknown = null;
  let target: Lsn | null = null;
  for (let every = LOOK_EVERY_MS.first; ; every = Math.min(every * 1.3, LOOK_EVERY_MS.most)) {
    const { facts, reach } = await tools.look(replica);
    const now = performance.now();
    const sign = facts?.lsn ?? (reach.kind === 'starting' ? now : null);
    if (sign !== null && sign !== last) seen.moved = now;
    last = sign;
    if (follows(facts, master)) {
      if (target === null) {
        const wrote = await writeProbe(tools.sql, master, replica.name, { signal: tools.signal });
        if (!wrote.ok) return wrote;
        target = wrote.value;
      }
      if (facts?.lsn != null && facts.lsn >= target) return ok(`${replica.name} streams from ${master.name}`);
    }
    if (tools.signal.aborted) return fail('aborted', `interrupted before ${replica.name} was seen streaming`);
    if (over.signal.aborted) break;
    if (now - seen.moved > seen.patience || now - began > longest) break;
    await pause(every, AbortSignal.any([tools.signal, over.signal]));
  }
  return fail('step_failed', `${replica.name} was started and does not stream from ${master.name}`, {
    server: replica.name,
    hint: `look at the log of ${replica.name}: pg_hba.conf of ${master.name}, the replication user, a diverged timeline`,
  });
}
