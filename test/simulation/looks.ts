import { lsnFromNumber } from '../../src/core/lsn.js';
import type { SavedState } from '../../src/core/model.js';
import type { HostLook, PortLook, Reach, ReachKind, ServerObservation, SqlFacts } from '../../src/core/observation.js';
import type { Situation } from '../../src/core/situation.js';
import { SYSTEM } from '../core/build.js';
import { forksOf, holds } from './wal.js';
import type { Server, World } from './world.js';

/** What a look from somewhere finds; the way there may be cut. */

export const hostname = (name: string): string => `${name}.example.com`;

/** How a server answers a login from `from`, a host of the model. */
export function reachOf(world: World, from: string, server: Server): ReachKind {
  if (!world.linked(from, server.name)) return 'timeout';
  if (server.power === 'off') return 'unreachable';
  if (server.frozen === 'host' || server.port === 'dropped') return 'timeout';
  if (server.port === 'rejected' && from !== server.name) return 'refused';
  if (server.process === 'stopped') return 'refused';
  if (server.frozen === 'process') return 'timeout';
  if (server.process === 'starting') return 'starting';
  if (server.process === 'stopping') return 'stopping';
  if (server.saturated) return 'saturated';
  return server.rejecting ? 'rejected' : 'accepting';
}

const ANSWERS: ReadonlySet<ReachKind> = new Set(['accepting', 'saturated', 'starting', 'stopping', 'rejected']);

/** A look at a PostgreSQL port by pg_isready. */
export function portOf(world: World, from: string, server: Server): PortLook {
  return ANSWERS.has(reachOf(world, from, server)) ? 'reaches' : 'cannot_reach';
}

export function hasSsh(world: World, from: string, server: Server): boolean {
  return server.ssh && world.linked(from, server.name) && world.hostUp(server);
}

interface Looker {
  readonly world: World;
  /** The management host. */
  readonly from: string;
  /** Its wall clock. */
  readonly wall: number;
  readonly resolver: boolean;
}

export function lookAt({ world, from, wall, resolver }: Looker, name: string): ServerObservation {
  const server = world.server(name);
  const kind: ReachKind = resolver ? reachOf(world, from, server) : 'unresolved';
  const reach: Reach = { kind, detail: kind === 'accepting' ? '' : `answer ${kind}` };
  return { server: name, at: wall, took: 5, reach, facts: kind === 'accepting' ? factsOf(world, server) : null };
}

function factsOf(world: World, server: Server): SqlFacts {
  const { recovery, branch, sync, streaming, sender, heard } = server;
  const lsn = lsnFromNumber(BigInt(server.lsn));
  const standbys = [...world.servers.values()].filter((one) => one.streaming && one.sender === server.name);
  const setting = sync === null ? '' : `${sync.any ? 'ANY' : 'FIRST'} ${sync.num} (${sync.names.join(', ')})`;
  return {
    in_recovery: recovery,
    system_identifier: SYSTEM,
    timeline: branch.tli,
    version: 160_000,
    lsn,
    receive_lsn: recovery ? lsn : null,
    replay_lsn: recovery ? lsn : null,
    replay_paused: false,
    replay_age_ms: recovery ? 0 : null,
    receiver: !recovery
      ? null
      : streaming && sender !== null
        ? {
            kind: 'running',
            status: 'streaming',
            receipt_age_ms: world.now - heard,
            sender_host: hostname(sender),
            sender_port: 5432,
            slot_name: null,
            timeline: branch.tli,
          }
        : { kind: 'none' },
    application_name: recovery ? server.name : null,
    read_only: false,
    sync: recovery
      ? null
      : {
          setting,
          commit: 'on',
          standbys: standbys.map(({ name }) => ({
            application_name: name,
            state: 'streaming',
            sync_state: sync === null ? 'async' : 'sync',
            flush_lsn: null,
          })),
        },
  };
}

export function lookAtHost({ world, from }: Looker, name: string): HostLook {
  const server = world.server(name);
  if (!hasSsh(world, from, server)) return { kind: 'no_answer', server: name, detail: 'ssh: no answer' };
  return {
    kind: 'looked',
    server: name,
    postmaster: server.process === 'stopped' ? { kind: 'not_running' } : { kind: 'running', pid: 4711, state: 'S' },
    port: ANSWERS.has(localReach(world, server)) ? 'reaches' : 'cannot_reach',
    control: {
      system_identifier: SYSTEM,
      state: server.control,
      checkpoint_lsn: lsnFromNumber(BigInt(server.checkpoint)),
      timeline: server.branch.tli,
    },
    standby_signal: server.signal,
    free_bytes: server.disk ? 10 * 1024 ** 3 : 0,
    detail: '',
  };
}

/** From its own host no firewall is in the way. */
function localReach(world: World, server: Server): ReachKind {
  return reachOf(world, server.name, { ...server, port: 'open' });
}

export function portFrom({ world, from }: Looker, replica: string, master: string): PortLook {
  if (!hasSsh(world, from, world.server(replica))) return 'cannot_look';
  return portOf(world, replica, world.server(master));
}

/** What the servers tell of the newest timeline: those that are on it, and those that have its history file. */
export function historyOf(
  world: World,
  seen: Readonly<Record<string, ServerObservation>>,
  newest: number,
): Pick<Situation, 'history' | 'history_held_by'> {
  const told = Object.values(seen).flatMap(({ server, facts }) =>
    facts?.timeline == null ? [] : [{ server, timeline: facts.timeline }],
  );
  if (told.every(({ timeline }) => timeline === newest)) return { history: null, history_held_by: [] };
  const holders = told.flatMap(({ server }) => {
    const branch = world.server(server).histories.get(newest);
    return branch === undefined ? [] : [{ server, branch }];
  });
  const source = (holders.find(({ branch, server }) => branch === world.server(server).branch) ?? holders[0])?.branch;
  if (source === undefined) return { history: null, history_held_by: [] };
  const forks = forksOf(source).map(({ timeline, lsn }) => ({ timeline, lsn: lsnFromNumber(BigInt(lsn)) }));
  const agree = holders.filter(({ branch }) => branch === source);
  return { history: { timeline: newest, forks }, history_held_by: agree.map(({ server }) => server) };
}

/** The newest row of the cluster table that this server holds, for who can log in. */
export function rowOn({ world, from }: Looker, name: string): SavedState | null {
  const server = world.server(name);
  if (reachOf(world, from, server) !== 'accepting') return null;
  const held = world.rows.filter(({ branch, lsn }) => holds(server, { branch, lsn }));
  return held.at(-1)?.state ?? null;
}
