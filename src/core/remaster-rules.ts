import { liveTimeline } from './eligibility.js';
import { formatLsn } from './lsn.js';
import type { SavedState, ServerDef } from './model.js';
import type { ServerObservation, SqlFacts, TimelineHistory } from './observation.js';
import { type Failure, type Outcome, fail, ok } from './outcome.js';
import { refuseRebuilt } from './rebuild-rules.js';
import { acceptsWrites, describeReach, recordedMaster } from './situation.js';
import { isAncestor, sameHistory } from './timeline.js';
import { unknownServer } from './unknown-server.js';

export interface RemasterRequest {
  readonly state: SavedState;
  readonly replica: string;
  /** Null: the recorded master. */
  readonly to: string | null;
}

/** The two servers that a request is about, as the saved state has them; refused where they cannot be meant. */
export function remasterPair(
  request: RemasterRequest,
): Outcome<{ readonly replica: ServerDef; readonly target: ServerDef }> {
  const { state, replica: name } = request;
  const master = recordedMaster(state);
  const to = request.to ?? master;
  if (to === null) return fail('unsafe', 'no master is recorded', { hint: 'name the server to follow with --to NAME' });
  const replica = defOf(state, name);
  const target = defOf(state, to);
  if (replica === null || target === null) {
    return { ok: false, error: unknownServer(replica === null ? name : to, Object.keys(state.servers)) };
  }
  if (name === master) {
    return refuse(
      name,
      `${name} is the master: it follows nobody`,
      'name a replica, or change the master with `handyrep failover`',
    );
  }
  if (name === to) return fail('usage', `${name} cannot follow itself`, { server: name, hint: 'name another server' });
  if (!target.enabled) {
    return refuse(
      to,
      `${to} is disabled: nobody follows it`,
      `see \`handyrep server show ${to}\`, and enable it first`,
    );
  }
  const rebuilt = refuseRebuilt(state, name, 'be pointed elsewhere');
  return rebuilt === null ? ok({ replica, target }) : { ok: false, error: rebuilt };
}

function defOf({ servers }: SavedState, name: string): ServerDef | null {
  return Object.hasOwn(servers, name) ? (servers[name]?.def ?? null) : null;
}

export interface RemasterView {
  readonly state: SavedState;
  readonly replica: ServerDef;
  readonly target: ServerDef;
  readonly seen: Readonly<Record<string, ServerObservation>>;
  /** Of the target's timeline; null where it was not asked or not told. */
  readonly history: TimelineHistory | null;
  /** What the replica itself tells of the timeline of that number. */
  readonly own_history: TimelineHistory | null;
}

/** Why this replica cannot follow that server, by a fresh look; null: it can. */
export function refuseRemaster(view: RemasterView): Failure | null {
  const { state, replica, target, seen } = view;
  const from = factsOf(seen[replica.name], replica.name);
  if (!from.ok) return from.error;
  const onto = factsOf(seen[target.name], target.name);
  if (!onto.ok) return onto.error;
  if (!from.value.in_recovery) {
    const hint = `if it was a master, make it a replica with \`handyrep rejoin ${replica.name}\``;
    return refusal(replica.name, `${replica.name} is not in recovery: it takes writes`, hint);
  }
  const foreign = [replica.name, target.name].find((name) => {
    const { system_identifier: live = null } = seen[name]?.facts ?? {};
    return live === null || live !== state.system_identifier;
  });
  if (foreign !== undefined) {
    const id = seen[foreign]?.facts?.system_identifier ?? 'unknown';
    const message = `${foreign} is not of this cluster: its system identifier is ${id}, ours is ${state.system_identifier ?? 'unknown'}`;
    return refusal(foreign, message, `see \`handyrep server show ${foreign}\`: are hostname and port right?`);
  }
  if (acceptsWrites(seen[target.name]) && target.name !== recordedMaster(state)) {
    return refusal(
      target.name,
      `${target.name} accepts writes and is not the recorded master`,
      'run `handyrep failover-check` first',
    );
  }
  const chain = upstreamChain(state, seen, target.name);
  if (chain.includes(replica.name)) {
    const links = [target.name, ...chain.slice(0, chain.indexOf(replica.name) + 1)].join(', which streams from ');
    return refusal(
      target.name,
      `${replica.name} would follow itself: ${links.replace(', which', '')}`,
      `point ${target.name} elsewhere first`,
    );
  }
  return refuseTimeline(view, from.value, onto.value);
}

function factsOf(seen: ServerObservation | undefined, name: string): Outcome<SqlFacts> {
  if (seen?.reach.kind === 'accepting' && seen.facts !== null) return ok(seen.facts);
  const how = seen === undefined ? `${name} was not looked at` : describeReach(seen);
  return fail('sql_connect', `${name} must answer: ${how}`, {
    server: name,
    hint: `bring it up with \`handyrep start ${name}\`, or mend our login`,
  });
}

/** The server that a replica's WAL receiver streams from, where it is one of ours. */
export function upstreamOf(state: SavedState, seen: ServerObservation | undefined): string | null {
  const receiver = seen?.facts?.receiver;
  if (receiver?.kind !== 'running') return null;
  const { sender_host: host, sender_port: port } = receiver;
  return Object.values(state.servers).find(({ def }) => def.hostname === host && def.port === port)?.def.name ?? null;
}

function upstreamChain(
  state: SavedState,
  seen: Readonly<Record<string, ServerObservation>>,
  from: string,
): readonly string[] {
  const chain: string[] = [];
  for (let next = upstreamOf(state, seen[from]); next !== null && !chain.includes(next);) {
    chain.push(next);
    next = upstreamOf(state, seen[next]);
  }
  return chain;
}

function refuseTimeline(
  { state, replica, target, seen, history, own_history }: RemasterView,
  from: SqlFacts,
  onto: SqlFacts,
): Failure | null {
  const saved = state.servers[replica.name];
  const own = saved === undefined ? from.timeline : liveTimeline(saved, seen[replica.name]);
  const theirs = onto.timeline;
  const { lsn } = from;
  if (own === null || theirs === null || lsn === null) {
    return refusal(
      replica.name,
      `the timeline or position of ${replica.name} or ${target.name} is not known`,
      'our role needs pg_monitor: run `handyrep init`',
    );
  }
  if (own === theirs) {
    const twin = whyTwin(from, onto, history, own_history);
    if (twin === null) return null;
    const message = `${replica.name} has diverged: ${twin}`;
    return refusal(replica.name, message, `make it a replica again with \`handyrep rejoin ${replica.name}\``);
  }
  if (own > theirs) {
    const message = `${target.name} is on timeline ${theirs}, older than timeline ${own} of ${replica.name}`;
    return refusal(replica.name, message, 'name a server that is on the newest timeline');
  }
  if (history?.timeline !== theirs) {
    return fail('sql_query', `${target.name} does not tell the history of its timeline ${theirs}`, {
      server: target.name,
      hint: 'the replication user must be able to log in there: see `handyrep verify`',
    }).error;
  }
  if (isAncestor(history, own, lsn)) return null;
  const message = `${replica.name} has diverged: its WAL on timeline ${own} goes on beyond where timeline ${theirs} left it`;
  return refusal(replica.name, message, `make it a replica again with \`handyrep rejoin ${replica.name}\``);
}

/** Why two timelines of one number are not the same; null: nothing shows that. */
function whyTwin(
  from: SqlFacts,
  onto: SqlFacts,
  history: TimelineHistory | null,
  own_history: TimelineHistory | null,
): string | null {
  const timeline = onto.timeline ?? 0;
  if (history !== null && own_history !== null && !sameHistory(history, own_history)) {
    return `its timeline ${timeline} began elsewhere than the one that it would follow`;
  }
  // What streams may be ahead of what was seen of a master a moment before.
  if (from.receiver?.kind === 'running' || onto.in_recovery || from.lsn === null || onto.lsn === null) return null;
  if (from.lsn <= onto.lsn) return null;
  return `it is at ${formatLsn(from.lsn)} of timeline ${timeline}, and the master of that timeline is at ${formatLsn(onto.lsn)}`;
}

function refuse(server: string, message: string, hint: string): Outcome<never> {
  return fail('unsafe', message, { server, hint });
}

function refusal(server: string, message: string, hint: string): Failure {
  return fail('unsafe', message, { server, hint }).error;
}
