import {
  type AssignmentProblem,
  type Assignments,
  nameProblems,
  newServer,
  readAssignments,
} from '../config/assignments.js';
import { pathResolver } from '../config/effective.js';
import type { LoadedConfig } from '../config/loaded.js';
import { isProxyRole } from '../config/proxy-roles.js';
import { findServerProblems } from '../config/server-problems.js';
import type { ProxyDef, SavedServer, SavedState, ServerDef } from '../core/model.js';
import { type Outcome, describeFailure, fail, ok } from '../core/outcome.js';
import { refuseRebuilt } from '../core/rebuild-rules.js';
import { needsLook, refuseAlteration, refuseSecondMaster } from '../core/server-rules.js';
import { enabledReplicas } from '../core/situation.js';
import { unknownStatus } from '../core/status.js';
import type { Report } from '../report/report.js';
import { settingText } from '../report/server.js';
import { lookAtServer } from '../observe/servers.js';
import { type ServerChange, type ServerChangeReport, changeServers } from './change-servers.js';
import type { Reach } from './open.js';
import { findProxy, proxyAddition, proxyAlteration } from './proxies.js';
import { type Session, factLook } from './session.js';
import { findServer } from './under-lock.js';

/** Settings of a server: an object, or `key=value` words as the command takes them. */
export type ServerSettings = Readonly<Record<string, string | number | boolean | null>> | readonly string[];

export interface SettingsRequest {
  readonly name: string;
  readonly settings: ServerSettings;
  readonly lock_wait: number;
  /** Where `~/` and secrets come from. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Adds a server: always disabled, what is not given from `server_defaults`. */
export function addServer(reach: Reach, request: SettingsRequest): Promise<ServerChangeReport | Report> {
  const { name, lock_wait } = request;
  return changeServers(reach, { command: `server add ${name}`, lock_wait }, async (session) => {
    const state = session.state.current();
    const { changes, problems } = read(reach.loaded, request);
    const def = newServer(name, changes, reach.loaded.config.server_defaults);
    const found = [...nameProblems(name), ...problems, ...(await problemsOf(session, def))];
    // A host that was given and is wrong has its own problem.
    const hostless = def.hostname === '' && !problems.some(({ message }) => message.startsWith('hostname='));
    if (hostless) found.push({ message: `${name} needs hostname=HOST` });
    if (Object.hasOwn(state.servers, name) || Object.hasOwn(state.proxies, name)) {
      const hint = `change it with \`handyrep server alter ${name}\``;
      found.push({ message: `there is a server ${name} already`, hint });
    }
    if (found.length > 0) return refuseAll(found);
    if (isProxy(def)) return ok(proxyAddition(def));
    const second = refuseSecondMaster(state, def);
    if (second !== null) return { ok: false, error: second };
    const added = { def, status: unknownStatus('added, never checked'), calm: null, facts: null };
    return ok({
      name,
      change: (now) => ({ ...now, servers: { ...now.servers, [name]: added } }),
      said: `${name} was added (${def.hostname}:${def.port}), disabled: \`handyrep server enable ${name}\` when it streams`,
      look: false,
    });
  });
}

/** Changes what is recorded of a server; never what it is. */
export function alterServer(reach: Reach, request: SettingsRequest): Promise<ServerChangeReport | Report> {
  const { name, lock_wait } = request;
  return changeServers(reach, { command: `server alter ${name}`, lock_wait }, async (session) => {
    const proxy = findProxy(session, name);
    const server = findServer(session, name);
    if (proxy === null && !server.ok) return server;
    const { changes, problems } = read(reach.loaded, request);
    const found = [...problems];
    const base = proxy?.def ?? (server.ok ? server.value.def : null);
    const target = { ...base, ...changes } as ServerDef | ProxyDef;
    if (proxy === null && isProxyRole(changes.role)) {
      found.push({ message: `${name} is a PostgreSQL server, and cannot become a ${changes.role}` });
    } else found.push(...(await problemsOf(session, target)));
    if (problems.length === 0 && Object.keys(changes).length === 0) {
      found.push({ message: 'there is nothing to change', hint: 'name settings as key=value' });
    }
    if (found.length > 0) return refuseAll(found);
    if (proxy !== null) return proxyAlteration(proxy, changes, new Date().toISOString());
    return server.ok ? alteration(session, server.value, target as ServerDef) : server;
  });
}

async function alteration(session: Session, server: SavedServer, to: ServerDef): Promise<Outcome<ServerChange>> {
  const { def: from } = server;
  const { name } = to;
  const keys = (Object.keys(to) as (keyof ServerDef)[]).filter((key) => to[key] !== from[key]);
  if (keys.length === 0) return ok({ name, change: null, said: `${name} has these settings already`, look: false });
  const rebuilt = refuseRebuilt(session.state.current(), name, 'be altered');
  if (rebuilt !== null) return { ok: false, error: rebuilt };
  const live = needsLook(from, to) ? await lookAtServer(factLook(session), to) : null;
  const refusal = refuseAlteration(session.state.current(), { from, to, live });
  if (refusal !== null) return { ok: false, error: refusal };
  const moved = from.hostname !== to.hostname || from.port !== to.port || from.role !== to.role;
  const said = keys
    .map((key) => `${key} is ${settingText(key, to[key])}, was ${settingText(key, from[key])}`)
    .join(', ');
  // What was seen at another address, or of a server in another role, says nothing of this one.
  const next = moved
    ? { def: to, status: unknownStatus('altered, not checked yet'), calm: null, facts: null }
    : { ...server, def: to };
  return ok({
    name,
    change: (state) => ({ ...state, servers: { ...state.servers, [name]: next } }),
    said: `${name}: ${said}${takesEffect(to, keys)}`,
    look: to.enabled,
  });
}

function takesEffect(to: ServerDef, keys: readonly (keyof ServerDef)[]): string {
  if (to.role === 'master' || !to.enabled || !keys.includes('use_slots')) return '';
  return `; it takes effect with \`handyrep remaster ${to.name}\``;
}

/** Parses the settings; `enabled` has commands of its own. */
function read(loaded: LoadedConfig, { settings, env }: SettingsRequest): Assignments {
  const words = Array.isArray(settings)
    ? (settings as readonly string[])
    : Object.entries(settings as Exclude<ServerSettings, readonly string[]>).map(
        ([key, value]) => `${key}=${String(value)}`,
      );
  const { changes, problems } = readAssignments(words, pathResolver(loaded.dir, env['HOME']));
  if (changes.enabled === undefined) return { changes, problems };
  const hint = 'use `handyrep server enable` or `handyrep server disable`';
  return { changes, problems: [...problems, { message: 'enabled is not set like this', hint }] };
}

function isProxy(def: ServerDef | ProxyDef): def is ProxyDef {
  return isProxyRole(def.role);
}

function problemsOf(session: Session, def: ServerDef | ProxyDef): Promise<readonly AssignmentProblem[]> {
  const { servers, proxies } = session.state.current();
  const others = [...Object.values(servers), ...Object.values(proxies)].map((one) => one.def);
  return findServerProblems(others, def, session.config.handyrep.plugins_dir);
}

/** All of them at once, as one failure of usage. */
function refuseAll(problems: readonly AssignmentProblem[]): Outcome<never> {
  const [first, ...more] = problems;
  if (first === undefined || more.length === 0) return fail('usage', first?.message ?? '', { hint: first?.hint });
  const text = problems.map(({ message, hint }) => describeFailure({ code: 'usage', message, hint })).join('; ');
  return fail('usage', `${problems.length} problems: ${text}`);
}

/** What is to be known when fewer replicas are left than witnesses are asked for. */
export function witnessWarning(state: SavedState, min_witnesses: number): string {
  const left = enabledReplicas(state).length;
  if (left >= min_witnesses) return '';
  return `; ${left} enabled replica(s) are left, and min_witnesses is ${min_witnesses}: no master will be believed lost`;
}
