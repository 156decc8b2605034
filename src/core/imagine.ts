import type { Lsn } from './lsn.js';
import type { SavedState } from './model.js';
import type { CloserLook, HostLook, PortLook, ServerObservation, WitnessLook } from './observation.js';
import { upstreamOf } from './remaster-rules.js';
import { type Situation, canMeanDown, enabledReplicas, recordedMaster } from './situation.js';

/** This host, as an end of a cut. */
export const MANAGER = 'manager';

/** A fault that did not happen. */
export type Fault =
  /** Its processes are gone, as after a crash; its host goes on. */
  | { readonly kind: 'kill'; readonly server: string }
  /** Its processes stand still, as on a hung disk; its host goes on. */
  | { readonly kind: 'freeze'; readonly server: string }
  /** All its connections are in use. */
  | { readonly kind: 'busy'; readonly server: string }
  /** Neither end reaches the other; `manager` is this host. */
  | { readonly kind: 'cut'; readonly ends: readonly [string, string] };

type Condition = Exclude<Fault['kind'], 'cut'>;

/** What is so in the imagined world. */
interface World {
  readonly condition: (server: string) => Condition | null;
  readonly severed: (a: string, b: string) => boolean;
}

/** Of several faults of one server the gravest counts. */
const GRAVEST_FIRST = ['kill', 'freeze', 'busy'] as const satisfies readonly Condition[];

function worldOf(faults: readonly Fault[]): World {
  const has = (kind: Condition, server: string): boolean =>
    faults.some((fault) => fault.kind === kind && fault.server === server);
  return {
    condition: (server) => GRAVEST_FIRST.find((kind) => has(kind, server)) ?? null,
    severed: (a, b) => faults.some((fault) => fault.kind === 'cut' && fault.ends.includes(a) && fault.ends.includes(b)),
  };
}

/** A fault in words. */
export function describeFault(fault: Fault): string {
  switch (fault.kind) {
    case 'kill':
      return `PostgreSQL on ${fault.server} is killed`;
    case 'freeze':
      return `PostgreSQL on ${fault.server} is frozen`;
    case 'busy':
      return `every connection of ${fault.server} is in use`;
    case 'cut':
      return `${fault.ends.map((end) => (end === MANAGER ? 'this host' : end)).join(' and ')} cannot reach each other`;
  }
}

/**
 * What a check would see if these faults came upon what was observed: how each server would answer, what the master's
 * host and every witness would say, after every retry. The saved state and the policy stay as they are. Where no closer
 * look was taken, every host is taken to answer commands.
 */
export function imagine(s: Situation, faults: readonly Fault[]): Situation {
  const master = recordedMaster(s.state);
  const world = worldOf(faults);
  const { state } = s;
  const see = (seen: ServerObservation): ServerObservation => sees(seen, world, state, master);
  const servers = Object.fromEntries(Object.entries(s.servers).map(([name, seen]) => [name, see(seen)]));
  const masterSeen = master === null ? undefined : servers[master];
  const silent = masterSeen !== undefined && canMeanDown(masterSeen);
  if (master === null || !silent) return { ...s, servers, closer: null, trouble_since: null };
  const before = s.closer ?? assumedCloser(s, master);
  const { fail_retries, fail_retry_interval } = s.policy;
  return {
    ...s,
    now: s.now + fail_retries * fail_retry_interval,
    servers,
    trouble_since: s.trouble_since ?? s.now,
    attempts: { made: s.attempts.wanted, wanted: s.attempts.wanted },
    closer: {
      host: hostLook(before.host, world),
      witnesses: before.witnesses.map((look) => witnessLook(look, see, world, master)),
      candidate_hosts: before.candidate_hosts.map((look) => hostLook(look, world)),
    },
  };
}

function sees(seen: ServerObservation, world: World, state: SavedState, master: string | null): ServerObservation {
  const { server } = seen;
  const answers = (kind: ServerObservation['reach']['kind'], detail: string): ServerObservation => ({
    ...seen,
    reach: { kind, detail: `imagined: ${detail}` },
    facts: null,
  });
  if (world.severed(MANAGER, server)) return answers('timeout', 'no way from here');
  switch (world.condition(server)) {
    case 'kill':
      return answers('refused', 'nothing listens');
    case 'freeze':
      return answers('timeout', 'it stands still');
    case 'busy':
      return seen.reach.kind === 'accepting' ? answers('saturated', 'no connection is free') : seen;
    case null:
      return withReceiver(seen, world, state, master);
  }
}

/** A WAL receiver ends with its upstream's processes; what only goes silent is shown as streaming for a while. */
function withReceiver(
  seen: ServerObservation,
  world: World,
  state: SavedState,
  master: string | null,
): ServerObservation {
  if (seen.facts?.receiver?.kind !== 'running') return seen;
  const upstream = upstreamOf(state, seen) ?? master;
  if (upstream === null || world.condition(upstream) !== 'kill') return seen;
  return { ...seen, facts: { ...seen.facts, receiver: { kind: 'none' } } };
}

function hostLook(look: HostLook, world: World): HostLook {
  const { server } = look;
  if (world.severed(MANAGER, server)) return { kind: 'no_answer', server, detail: 'imagined: no way from here' };
  if (look.kind === 'no_answer') return look;
  switch (world.condition(server)) {
    case 'kill': {
      const control = look.control === null ? null : ({ ...look.control, state: 'in production' } as const);
      return { ...look, postmaster: { kind: 'not_running' }, port: 'cannot_reach', control };
    }
    case 'freeze':
      return { ...look, postmaster: { kind: 'running', pid: 0, state: 'T' }, port: 'cannot_reach' };
    case 'busy':
    case null:
      return look;
  }
}

function witnessLook(
  look: WitnessLook,
  see: (seen: ServerObservation) => ServerObservation,
  world: World,
  master: string,
): WitnessLook {
  const seen = see(look.seen);
  if (world.severed(MANAGER, look.server)) {
    return { ...look, seen, port: 'cannot_look', port_detail: 'imagined: no way from here to its host' };
  }
  const condition = world.condition(master);
  const gone = condition === 'kill' || condition === 'freeze' || world.severed(look.server, master);
  if (!gone || look.port !== 'reaches') return { ...look, seen };
  return { ...look, seen, port: 'cannot_reach', port_detail: 'imagined: nothing answers on its port' };
}

/** A closer look that nobody took: every host answers, the master runs, and every replica reaches it. */
function assumedCloser(s: Situation, master: string): CloserLook {
  const replicas = enabledReplicas(s.state);
  return {
    host: assumedHost(s, master),
    witnesses: replicas.flatMap((server) => {
      const seen = s.servers[server];
      const port: PortLook = 'reaches';
      return seen === undefined ? [] : [{ server, seen, port, port_detail: 'taken for granted' }];
    }),
    candidate_hosts: replicas.map((server) => assumedHost(s, server)),
  };
}

function assumedHost({ state }: Situation, server: string): HostLook {
  const { system_identifier, master_position } = state;
  const control =
    system_identifier === null
      ? null
      : {
          system_identifier,
          state: server === recordedMaster(state) ? ('in production' as const) : ('in archive recovery' as const),
          checkpoint_lsn: master_position?.lsn ?? (0n as Lsn),
          timeline: master_position?.timeline ?? 1,
        };
  return {
    kind: 'looked',
    server,
    postmaster: { kind: 'running', pid: 0, state: 'S' },
    port: 'reaches',
    control,
    standby_signal: false,
    free_bytes: null,
    detail: 'taken for granted',
  };
}
