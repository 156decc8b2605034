import type { FailoverPolicy, SavedState } from './model.js';
import type { HostLook, ServerObservation } from './observation.js';
import { type Failure, fail } from './outcome.js';
import { isPaused } from './pause.js';
import { refuseRebuilt } from './rebuild-rules.js';
import { acceptsWrites, recordedMaster } from './situation.js';

/** What is known before a server is started. */
export interface StartView {
  readonly state: SavedState;
  readonly server: string;
  /** Its host, as it is now. */
  readonly host: Extract<HostLook, { readonly kind: 'looked' }>;
  /** Every server that could be asked. */
  readonly seen: Readonly<Record<string, ServerObservation>>;
}

/** Why a server must not be started: it would be a second master, one that writes nothing, or no whole server. Null: start it. */
export function refuseStart(view: StartView): Failure | null {
  const { state, server } = view;
  const rebuilt = refuseRebuilt(state, server, 'be started');
  if (rebuilt !== null) return rebuilt;
  const foreign = foreignDirectory(view);
  if (foreign !== null) return foreign;
  return recordedMaster(state) === server ? refuseMaster(view) : refuseReplica(view);
}

function foreignDirectory({ state, server, host }: StartView): Failure | null {
  const own = host.control?.system_identifier ?? null;
  const { system_identifier: known } = state;
  if (own === null || known === null || own === known) return null;
  return refusal(
    server,
    `the data directory of ${server} is another cluster's: its system identifier is ${own}, ours is ${known}`,
    'see `handyrep server show`: are hostname and pgdata right?',
  );
}

/** The recorded master may take writes only if nobody else does, or was made master meanwhile. */
function refuseMaster({ state, server, host, seen }: StartView): Failure | null {
  const writer = Object.values(seen).find((one) => one.server !== server && acceptsWrites(one));
  if (writer !== undefined) {
    return refusal(
      server,
      `${server} would be a second master: ${writer.server} accepts writes`,
      'run `handyrep failover-check`: it records or stops that server; then decide',
    );
  }
  const newer = onNewerTimeline({ state, server, host, seen });
  if (newer !== null) {
    return refusal(
      server,
      `${server} would be a second master: ${newer.server} is on timeline ${newer.facts?.timeline ?? 0}, so somebody was promoted since`,
      'find the server that was promoted, and run `handyrep failover-check`',
    );
  }
  if (!host.standby_signal) return null;
  return refusal(
    server,
    `${server} is the recorded master, and standby.signal is in its data directory: it would come up read only`,
    'promote a replica with `handyrep promote NAME`; or, if this one is right, remove standby.signal there and start it again',
  );
}

/** After a promotion pg_control names the old timeline until its first checkpoint: what was recorded counts too. */
function onNewerTimeline({ state, server, host, seen }: StartView): ServerObservation | null {
  const recorded = state.master_position?.server === server ? state.master_position.timeline : 0;
  const own = Math.max(host.control?.timeline ?? 0, recorded);
  if (own === 0) return null;
  const newer = Object.values(seen).find(
    ({ facts }) => facts !== null && facts.system_identifier === state.system_identifier && (facts.timeline ?? 0) > own,
  );
  return newer ?? null;
}

/** Whoever is not the recorded master must come up read only. */
function refuseReplica({ state, server, host }: StartView): Failure | null {
  if (host.standby_signal) return null;
  const master = recordedMaster(state);
  const former = state.former_masters.some((one) => one.server === server);
  const beside = master === null ? 'and no master is recorded' : `beside ${master}`;
  return refusal(
    server,
    `${server} would come up as a master ${beside}: there is no standby.signal in its data directory`,
    former
      ? `make it a replica again with \`handyrep rejoin ${server}\``
      : `make it a replica with \`handyrep rejoin ${server}\` or \`handyrep clone ${server}\``,
  );
}

/** Why a server must not be stopped or restarted; null: it may be. */
export function refuseStop(state: SavedState, server: string): Failure | null {
  const rebuild = state.rebuilds.find((one) => one.server === server && one.broken === null);
  if (rebuild === undefined) return null;
  return refusal(
    server,
    `${server} is not to be stopped: a ${rebuild.kind} of it is under way since ${rebuild.begun}`,
    'wait for its end, or interrupt that run',
  );
}

/** What an operator must say yes to before the master is stopped or restarted. Null: it is not the master. */
export function stopQuestion(
  state: SavedState,
  policy: FailoverPolicy,
  request: { readonly server: string; readonly action: 'stop' | 'restart'; readonly now: number },
): string | null {
  const { server, action, now } = request;
  if (recordedMaster(state) !== server) return null;
  if (action === 'restart') {
    return `${server} is the master: restarting it ends every session, and nobody can write until it is back`;
  }
  return `${server} is the master: stopping it ends all writes; ${whatFollows(state, policy, now)}`;
}

/** What the next check makes of a master that was stopped by hand. */
export function whatFollows(state: SavedState, policy: FailoverPolicy, now: number): string {
  if (!policy.auto_failover) return 'no failover follows by itself (auto_failover is false)';
  if (isPaused(state.pause, now)) return 'no failover follows while automatic action is paused';
  return 'the next failover-check fails over to a replica, unless `handyrep pause` comes first';
}

function refusal(server: string, message: string, hint: string): Failure {
  return fail('unsafe', message, { server, hint }).error;
}
