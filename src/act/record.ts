import { waysOf, withOwed } from '../core/connections.js';
import type { FormerMaster, SavedServer, SavedState } from '../core/model.js';
import type { ServerObservation } from '../core/observation.js';
import { fail } from '../core/outcome.js';
import { calmRecord } from '../core/remember.js';
import { type StepInput, type StepResult, serverDef } from './actor.js';

/** Writes down who is master now: the file first, then the table on the new master. */
export async function record({ actor, operation }: StepInput): Promise<StepResult> {
  const { new_master, old_master } = operation;
  const server = new_master === null ? null : serverDef(actor, new_master);
  if (new_master === null || server === null) {
    return { kind: 'stop', error: fail('step_failed', 'no server was chosen').error };
  }
  const seen = await actor.look(server);
  const fenced = operation.steps.some(
    ({ step }) => step.kind === 'stop_old_master' || (step.kind === 'fence_old_master' && step.way.kind !== 'owed'),
  );
  return {
    kind: 'done',
    note: `${new_master} is the master, ${old_master} a disabled replica, ${fenced ? 'fenced' : 'its fencing owed'}`,
    change: (state) =>
      withNewMaster(state, {
        new_master,
        old_master,
        timeline: seen.facts?.timeline ?? null,
        lsn: seen.facts?.lsn ?? null,
        at: new Date(actor.now()).toISOString(),
        fenced,
        reason: `replaced by ${new_master} in ${operation.id}`,
        moves_clients: operation.steps.some(({ step }) => step.kind === 'move_connections'),
      }),
  };
}

export interface NewMaster {
  readonly new_master: string;
  /** Null: none was on record. */
  readonly old_master: string | null;
  readonly timeline: number | null;
  readonly lsn: NonNullable<SavedState['master_position']>['lsn'] | null;
  readonly at: string;
  readonly fenced: boolean;
  readonly reason: string;
  /** A connection method is set: the clients are owed their way to the new master, whoever is to do it. */
  readonly moves_clients: boolean;
}

/** The status of a former master, which nobody looks at any more: what was done about it last. */
export function formerStatus(one: Pick<NewMaster, 'at' | 'fenced' | 'reason'>): SavedServer['status'] {
  const message = `former master, ${one.fenced ? 'fenced' : 'fencing owed'}: ${one.reason}`;
  return { status: 'down', status_no: 5, status_ts: one.at, status_message: message };
}

/**
 * Somebody promoted a server that had missed the timeline of the recorded master, and its own has that number again. A replica may
 * be on either, and none is a candidate before it was seen to stream from the new master.
 */
function isNumberTwice({ master_position: last }: SavedState, { new_master, timeline }: NewMaster): boolean {
  return last !== null && last.server !== new_master && timeline !== null && timeline <= last.timeline;
}

/** The state after a change of master: the old one is a disabled replica that must be fenced until it is one again. */
export function withNewMaster(state: SavedState, change: NewMaster): SavedState {
  const servers: Record<string, SavedServer> = { ...state.servers };
  if (isNumberTwice(state, change)) {
    for (const [name, server] of Object.entries(servers)) servers[name] = { ...server, calm: null };
  }
  const promoted = servers[change.new_master];
  const old = change.old_master === null ? undefined : servers[change.old_master];
  if (promoted !== undefined) {
    servers[change.new_master] = {
      ...promoted,
      def: { ...promoted.def, role: 'master', enabled: true },
      calm: null,
      status: { status: 'healthy', status_no: 1, status_ts: change.at, status_message: 'promoted' },
    };
  }
  if (old !== undefined) {
    servers[old.def.name] = {
      ...old,
      def: { ...old.def, role: 'replica', enabled: false },
      calm: null,
      status: formerStatus(change),
    };
  }
  const clients = change.moves_clients ? withOwed(state, waysOf(state), change.at) : state;
  return {
    ...clients,
    servers,
    former_masters: [
      ...state.former_masters.filter((one) => one.server !== change.old_master && one.server !== change.new_master),
      ...(change.old_master === null ? [] : [formerOf(change.old_master, change)]),
    ],
    master_position:
      change.timeline === null || change.lsn === null
        ? null
        : { at: change.at, server: change.new_master, timeline: change.timeline, lsn: change.lsn },
    silent_since: null,
    rebooted_since_calm: false,
    sync: null,
  };
}

function formerOf(server: string, { at, reason, timeline, fenced }: NewMaster): FormerMaster {
  return { server, since: at, reason, timeline, fenced: fenced ? at : null, rejoin_failures: 0 };
}

/** The state after a server was proved to be a replica: it takes part again. */
export function withReplica(state: SavedState, name: string): SavedState {
  const server = state.servers[name];
  if (server === undefined) return state;
  const def = { ...server.def, role: 'replica', enabled: true } as const;
  return {
    ...state,
    servers: { ...state.servers, [name]: { ...server, def, calm: null } },
    former_masters: state.former_masters.filter((one) => one.server !== name),
    rebuilds: state.rebuilds.filter((one) => one.server !== name),
  };
}

/** The state after replicas were seen to stream from a new master: candidates from now on, should it be lost too. */
export function withStreaming(state: SavedState, followers: readonly ServerObservation[]): SavedState {
  const servers: Record<string, SavedServer> = { ...state.servers };
  for (const seen of followers) {
    const server = servers[seen.server];
    if (server !== undefined) servers[seen.server] = { ...server, calm: calmRecord(seen, state.system_identifier) };
  }
  return { ...state, servers };
}
