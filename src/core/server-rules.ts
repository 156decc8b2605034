import type { SavedState, ServerDef } from './model.js';
import type { ServerObservation } from './observation.js';
import { type Failure, fail } from './outcome.js';
import { describeReach, recordedMaster } from './situation.js';

/** Whoever has the role of the master, other than this server. A second one is never made. */
function otherMaster(state: SavedState, name: string): string | null {
  return Object.values(state.servers).find(({ def }) => def.role === 'master' && def.name !== name)?.def.name ?? null;
}

export function refuseSecondMaster(state: SavedState, def: ServerDef): Failure | null {
  const master = def.role === 'master' ? otherMaster(state, def.name) : null;
  if (master === null) return null;
  return refusal(
    def.name,
    `${def.name} cannot have role=master: ${master} is the master`,
    'it is to be a replica; the master is changed with `handyrep failover`',
  );
}

/** What a live look says of a server that is to be in this role, all of it; empty when it is. */
function roleProblems(state: SavedState, def: ServerDef, seen: ServerObservation | undefined): readonly string[] {
  if (seen?.reach.kind !== 'accepting' || seen.facts === null) {
    return [seen === undefined ? 'it was not looked at' : `it does not let us in: ${describeReach(seen)}`];
  }
  const { in_recovery, system_identifier: live } = seen.facts;
  const { system_identifier: known } = state;
  const problems: string[] = [];
  if (known === null || live !== known) {
    problems.push(`its system identifier is ${live ?? 'unknown'}, the cluster's is ${known ?? 'unknown'}`);
  }
  if (def.role === 'replica' && !in_recovery) problems.push('it is not in recovery: it takes writes');
  if (def.role === 'master' && in_recovery) problems.push('it is in recovery: it takes no writes');
  return problems;
}

/** What keeps a server from taking part, all of it. A replica must stream, on the timeline of the master. */
export function enableProblems(
  state: SavedState,
  def: ServerDef,
  seen: Readonly<Record<string, ServerObservation>>,
): readonly string[] {
  const own = seen[def.name];
  const problems = roleProblems(state, def, own);
  const facts = own?.facts ?? null;
  if (facts?.in_recovery !== true || def.role === 'master') return problems;
  return [
    ...problems,
    ...streamProblems(own),
    ...timelineProblems(facts.timeline, seen[recordedMaster(state) ?? '']?.facts?.timeline),
  ];
}

function streamProblems(seen: ServerObservation | undefined): readonly string[] {
  const receiver = seen?.facts?.receiver ?? null;
  if (receiver?.kind === 'running' && receiver.status === 'streaming') return [];
  if (receiver?.kind === 'running') return [`it does not stream: its WAL receiver is ${receiver.status}`];
  if (receiver?.kind === 'hidden') return ['its WAL receiver cannot be seen: our role needs pg_monitor'];
  return ['it does not stream: it has no WAL receiver'];
}

function timelineProblems(own: number | null, master: number | null | undefined): readonly string[] {
  if (own === null || master == null || own === master) return [];
  return [`it is on timeline ${own}, the master is on ${master}`];
}

/** What to do about a server that cannot be enabled. */
export function enableHint(state: SavedState, def: ServerDef): string {
  const former = state.former_masters.some((one) => one.server === def.name);
  if (former) return `make it a replica again with \`handyrep rejoin ${def.name}\``;
  return `make it a replica of the master with \`handyrep clone ${def.name}\`, or see its log`;
}

/** Why a change of a definition is not made; `live` is a look at the server as it would be, null where none was needed. */
export function refuseAlteration(
  state: SavedState,
  change: { readonly from: ServerDef; readonly to: ServerDef; readonly live: ServerObservation | null },
): Failure | null {
  const { from, to, live } = change;
  const second = refuseSecondMaster(state, to);
  if (second !== null) return second;
  if (!needsLook(from, to)) return null;
  const problems = roleProblems(state, to, live ?? undefined);
  if (problems.length === 0) return null;
  const what = from.role === to.role ? `${to.hostname}:${to.port} is not ${to.name}` : `${to.name} is no ${to.role}`;
  const hint =
    from.role === to.role
      ? `the ${to.role} of this cluster must answer at its new address first`
      : 'a record changes no server: the master is changed with `handyrep failover`, a replica is made with `handyrep rejoin`';
  return refusal(to.name, `${what}: ${problems.join('; ')}`, hint);
}

/** A role must be what the server really is; an enabled server must be found at a new address. */
export function needsLook(from: ServerDef, to: ServerDef): boolean {
  const moved = from.hostname !== to.hostname || from.port !== to.port;
  return from.role !== to.role || (from.enabled && moved);
}

/** Why a server is not taken out, or forgotten. */
export function refuseWithoutMaster(state: SavedState, name: string, what: 'disabled' | 'removed'): Failure | null {
  if (recordedMaster(state) !== name) return null;
  return refusal(
    name,
    `${name} is the master and cannot be ${what}: nobody would watch it`,
    'make another server the master first with `handyrep failover`',
  );
}

/** What an operator must say yes to before a server is forgotten. */
export function removeQuestion(state: SavedState, name: string): string {
  const owed = state.former_masters.some((one) => one.server === name && one.fenced === null);
  const more = owed ? '; its fencing is owed, and nobody stops it any more if it comes back as a master' : '';
  return `${name} is forgotten, and its replication slot dropped; its data stays where it is${more}`;
}

/** The state without a server, and without what was owed to it. */
export function withoutServer(state: SavedState, name: string): SavedState {
  const servers = Object.fromEntries(Object.entries(state.servers).filter(([key]) => key !== name));
  return {
    ...state,
    servers,
    former_masters: state.former_masters.filter((one) => one.server !== name),
    rebuilds: state.rebuilds.filter((one) => one.server !== name),
  };
}

function refusal(server: string, message: string, hint: string): Failure {
  return fail('unsafe', message, { server, hint }).error;
}
