import { isShared, slotState } from '../act/forget-slots.js';
import { dropSlot } from '../act/slots.js';
import type { SavedState, ServerDef } from '../core/model.js';
import { type Failure, type Outcome, fail, ok } from '../core/outcome.js';
import { refuseRebuilt } from '../core/rebuild-rules.js';
import {
  enableHint,
  enableProblems,
  refuseSecondMaster,
  refuseWithoutMaster,
  removeQuestion,
  withoutServer,
} from '../core/server-rules.js';
import { recordedMaster } from '../core/situation.js';
import { slotName } from '../core/slot.js';
import { unknownStatus } from '../core/status.js';
import { lookAtServers } from '../observe/servers.js';
import type { Report } from '../report/report.js';
import { fateOf } from '../state/process-identity.js';
import { type ServerChange, type ServerChangeReport, changeServers } from './change-servers.js';
import type { Reach } from './open.js';
import { findProxy, proxyDisabling, proxyEnabling, proxyRemoval } from './proxies.js';
import { witnessWarning } from './servers.js';
import { type Session, factLook, onlookerOf } from './session.js';
import { findServer } from './under-lock.js';

export interface RemoveOptions {
  /** The operator agrees that the server is forgotten. */
  readonly yes?: boolean;
}

interface Named {
  readonly name: string;
  readonly lock_wait: number;
}

/** Lets a server take part, when a look at it shows that it is what it is recorded as. */
export function enableServer(reach: Reach, { name, lock_wait }: Named): Promise<ServerChangeReport | Report> {
  return changeServers(reach, { command: `server enable ${name}`, lock_wait }, async (session) => {
    const proxy = findProxy(session, name);
    if (proxy !== null) return proxyEnabling(session, proxy);
    const server = findServer(session, name);
    if (!server.ok) return server;
    const { def } = server.value;
    if (def.enabled) return ok({ name, change: null, said: `${name} is enabled already`, look: false });
    const state = session.state.current();
    const refusal = refuseHalfMade(state, name) ?? refuseSecondMaster(state, def) ?? (await notFit(session, def));
    if (refusal !== null) return { ok: false, error: refusal };
    return ok({
      name,
      change: (now) => withEnabled(now, name),
      said: `${name} is enabled: ${def.role === 'master' ? 'it takes writes' : 'it streams, in recovery'}`,
      look: true,
    });
  });
}

/** Any rebuild that is on record: one that was broken off before it touched anything is to be done again, or forgotten. */
function refuseHalfMade(state: SavedState, name: string): Failure | null {
  const blocked = refuseRebuilt(state, name, 'be enabled');
  const rebuild = state.rebuilds.find((one) => one.server === name);
  if (blocked !== null || rebuild === undefined) return blocked;
  return fail(
    'unsafe',
    `${name} must not be enabled: a ${rebuild.kind} of it was broken off (${rebuild.broken ?? ''})`,
    {
      server: name,
      hint: `do it again with \`handyrep ${rebuild.kind} ${name}\``,
    },
  ).error;
}

async function notFit(session: Session, def: ServerDef): Promise<Failure | null> {
  const state = session.state.current();
  const master = state.servers[recordedMaster(state) ?? '']?.def;
  const seen = await lookAtServers(factLook(session), master === undefined ? [def] : [def, master]);
  const problems = enableProblems(state, def, seen);
  if (problems.length === 0) return null;
  const hint = enableHint(state, def);
  return fail('unsafe', `${def.name} is not enabled: ${problems.join('; ')}`, { server: def.name, hint }).error;
}

function withEnabled(state: SavedState, name: string): SavedState {
  const server = state.servers[name];
  if (server === undefined) return state;
  const enabled = {
    def: { ...server.def, enabled: true },
    status: unknownStatus('enabled, not checked yet'),
    calm: null,
    facts: null,
  };
  return {
    ...state,
    servers: { ...state.servers, [name]: enabled },
    former_masters: state.former_masters.filter((one) => one.server !== name),
  };
}

/** Takes a server out of checks and failovers. It runs on, and its slot is kept. */
export function disableServer(reach: Reach, { name, lock_wait }: Named): Promise<ServerChangeReport | Report> {
  return changeServers(reach, { command: `server disable ${name}`, lock_wait }, async (session) => {
    const proxy = findProxy(session, name);
    if (proxy !== null) return ok(proxyDisabling(proxy));
    const server = findServer(session, name);
    if (!server.ok) return server;
    const { def } = server.value;
    const state = session.state.current();
    const refusal = refuseWithoutMaster(state, name, 'disabled');
    if (refusal !== null) return { ok: false, error: refusal };
    if (!def.enabled) return ok({ name, change: null, said: `${name} is disabled already`, look: false });
    const disabled = {
      ...state,
      servers: { ...state.servers, [name]: { ...server.value, def: { ...def, enabled: false } } },
    };
    const warning = witnessWarning(disabled, session.config.failover.min_witnesses);
    const change = (now: SavedState): SavedState => ({
      ...now,
      servers: { ...now.servers, [name]: disabled.servers[name] ?? server.value },
    });
    return Promise.resolve(
      ok({ name, change, said: `${name} is disabled${aboutSlot(state, def)}${warning}`, look: true }),
    );
  });
}

/** A slot that nobody streams from keeps WAL for ever. */
function aboutSlot(state: SavedState, def: ServerDef): string {
  const master = recordedMaster(state);
  if (!def.use_slots || def.role === 'master' || master === null) return '';
  return `; its slot ${slotName(def.name)} on ${master} is kept while it streams, and keeps WAL when it does not: \`handyrep server remove ${def.name}\` drops it`;
}

/** Forgets a server, and drops the slot that is ours for it. */
export function removeServer(reach: Reach, request: Named & RemoveOptions): Promise<ServerChangeReport | Report> {
  const { name, lock_wait, yes } = request;
  return changeServers(reach, { command: `server remove ${name}`, lock_wait }, async (session) => {
    const proxy = findProxy(session, name);
    if (proxy !== null) return proxyRemoval(proxy, yes === true);
    const server = findServer(session, name);
    if (!server.ok) return server;
    const state = session.state.current();
    const refusal = refuseWithoutMaster(state, name, 'removed') ?? refuseUnderWay(state, name);
    if (refusal !== null) return { ok: false, error: refusal };
    if (yes !== true) {
      return fail('needs_confirmation', removeQuestion(state, name), {
        server: name,
        hint: 'say --yes to do it all the same',
      });
    }
    return removal(session, server.value.def);
  });
}

/** One whose run has died is not under way any more, also where nobody has noticed yet. */
function refuseUnderWay(state: SavedState, name: string): Failure | null {
  const rebuild = state.rebuilds.find(
    (one) => one.server === name && one.broken === null && fateOf(one.owner) !== 'dead',
  );
  return rebuild === undefined ? null : refuseRebuilt(state, name, 'be removed');
}

async function removal(session: Session, def: ServerDef): Promise<Outcome<ServerChange>> {
  const dropped = await dropItsSlot(session, def);
  if (!dropped.ok) return dropped;
  const after = withoutServer(session.state.current(), def.name);
  const warning = def.enabled ? witnessWarning(after, session.config.failover.min_witnesses) : '';
  return ok({
    name: def.name,
    change: (state) => withoutServer(state, def.name),
    said: `${def.name} is forgotten${dropped.value}${warning}`,
    look: true,
  });
}

/** Says what became of its slot on the master, in words that follow a sentence. */
async function dropItsSlot(session: Session, def: ServerDef): Promise<Outcome<string>> {
  const state = session.state.current();
  const master = state.servers[recordedMaster(state) ?? '']?.def;
  if (master === undefined || isShared(state, def)) return ok('');
  const tools = onlookerOf(session);
  const slot = slotName(def.name);
  const found = await slotState(tools, master, slot);
  if (!found.ok) {
    return fail(
      found.error.code,
      `${def.name} is not removed: its slot on ${master.name} cannot be looked for: ${found.error.message}`,
      {
        server: master.name,
        hint: 'remove it when the master answers',
      },
    );
  }
  if (found.value === 'none') return ok('');
  if (found.value === 'active') {
    return fail('unsafe', `${def.name} still streams from ${master.name} with the slot ${slot}`, {
      server: def.name,
      hint: `stop it first with \`handyrep stop ${def.name}\`, or point it elsewhere with \`handyrep remaster ${def.name} --to NAME\``,
    });
  }
  const done = await dropSlot(session.sql, master, slot);
  if (!done.ok) return done;
  return ok(
    done.value
      ? `; its slot ${slot} on ${master.name} was dropped`
      : `; its slot ${slot} on ${master.name} is in use and stays`,
  );
}
