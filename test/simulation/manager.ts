import { materialChange, newest } from '../../src/core/saved.js';
import type { CloserLook, ServerObservation } from '../../src/core/observation.js';
import type { FailoverPolicy, Operation, SavedState, ServerDef } from '../../src/core/model.js';
import { laterThan } from '../../src/core/suspicion.js';
import { newestTimeline } from '../../src/core/eligibility.js';
import type { Loss } from '../../src/core/loss.js';
import type { Select } from '../../src/core/rank.js';
import { remember } from '../../src/core/remember.js';
import {
  type OnDemand,
  type Situation,
  canMeanDown,
  enabledReplicas,
  recordedMaster,
} from '../../src/core/situation.js';
import type { Decision } from '../../src/core/decision.js';
import { historyOf, lookAt, lookAtHost, portFrom, rowOn } from './looks.js';
import type { Mutant } from './mutants.js';
import type { World } from './world.js';

/** SIGKILL or a power cut: the run ends between two instants. */
export class Killed extends Error {}
/** The saved state cannot be written: the run stops before its next effect. */
export class CannotSave extends Error {}

/** One management host with what it keeps. */
export interface Host {
  readonly name: string;
  /** `servers.save`. */
  file: SavedState | null;
  /** Its wall clock runs ahead of the world's by this, milliseconds. */
  offset: number;
  bootId: string;
  booted: number;
  resolver: boolean;
  disk: boolean;
  /** The answer of master_check_method. */
  active: boolean;
  /** It is killed when this many instants of a run have passed. */
  killIn: number | null;
}

/** What the invariants want to know of what a run did. */
export interface Listener {
  decided(manager: Run, s: Situation, decision: Decision): void;
  asked(manager: Run, server: string): void;
  chosen(server: string, loss: Loss, s: Situation): void;
  saved(manager: Run): void;
  fenced(server: string, by: 'command' | 'power'): void;
}

export interface Setup {
  readonly world: World;
  readonly policy: FailoverPolicy;
  readonly select: Select;
  readonly configured: readonly ServerDef[];
  readonly listener: Listener;
  readonly mutant: Mutant;
  /** The light look tells nothing (poll_isready). */
  readonly blindPoll: boolean;
  /** Commands that are asked before anything is touched, and may veto. */
  readonly hook: readonly string[];
}

/** How long a look at a server that answers nothing takes. */
const TIME_OUT_MS = 3000;

/** The wall clock of a world that begins now. */
export const EPOCH = Date.parse('2026-03-01T12:00:00.000Z');

/** One run under the lock: what it sees, remembers and lets time pass by. */
export class Run {
  state: SavedState;
  private published: SavedState | null = null;
  private compared: boolean;
  private readonly openedWith: number;
  /** Instants of this run: each one may be the last. */
  private instants = 0;
  /** When the last closer look was made, and how much had happened by then: looks that time out are waited for after it. */
  looked = { at: 0, happened: 0 };

  constructor(
    readonly setup: Setup,
    readonly host: Host,
    initial: SavedState,
    readonly source: 'file' | 'table' | 'configuration',
  ) {
    this.state = initial;
    this.openedWith = initial.generation;
    this.compared = source !== 'file';
  }

  /** Nothing was ever saved here, and this run has not saved it yet. */
  isUnproved(): boolean {
    return this.source !== 'file' && this.state.generation === this.openedWith;
  }

  get world(): World {
    return this.setup.world;
  }

  wall(): number {
    return EPOCH + this.world.now + this.host.offset;
  }

  iso(): string {
    return new Date(this.wall()).toISOString();
  }

  tell(text: string): void {
    this.world.tell(`  ${this.host.name}: ${text}`);
  }

  /** Time passes; whatever happens meanwhile may be the end of this run. */
  pause(ms: number): void {
    this.instants++;
    if (this.instants > 5000) throw new Error('a run does not end');
    this.world.advance(ms);
    if (this.host.killIn === null) return;
    this.host.killIn--;
    if (this.host.killIn > 0) return;
    this.host.killIn = null;
    this.world.tell(`* ${this.host.name} is killed`);
    throw new Killed();
  }

  /** An act or a look over the network takes a moment. */
  private moment(): void {
    this.pause(this.world.dice.between(2, 40));
  }

  private looker(): { world: World; from: string; wall: number; resolver: boolean } {
    return { world: this.world, from: this.host.name, wall: this.wall(), resolver: this.host.resolver };
  }

  look(name: string): ServerObservation {
    this.moment();
    return lookAt(this.looker(), name);
  }

  /** Whether commands can be run on that host now. */
  ssh(name: string): boolean {
    this.moment();
    return lookAtHost(this.looker(), name).kind === 'looked';
  }

  hostOf(name: string): ReturnType<typeof lookAtHost> {
    this.moment();
    return lookAtHost(this.looker(), name);
  }

  save(change: (state: SavedState) => SavedState): void {
    this.pause(1);
    if (!this.host.disk) throw new CannotSave();
    const next = { ...change(this.state), generation: this.state.generation + 1, updated: this.iso() };
    this.state = next;
    this.host.file = next;
    this.setup.listener.saved(this);
    this.pause(1);
  }

  /** Writes the row of the cluster table on the master, where that changed in what matters. */
  publish(master: string | null, always: boolean): void {
    if (master === null) return;
    if (!always && this.published !== null && !materialChange(this.published, this.state)) return;
    const seen = this.look(master);
    const server = this.world.server(master);
    if (seen.reach.kind !== 'accepting' || seen.facts?.in_recovery !== false || !server.disk) return;
    server.lsn += 500;
    this.world.rows.push({ branch: server.branch, lsn: server.lsn, state: this.state });
    this.published = this.state;
  }

  /** The newer of our state and the cluster table's wins; true when the table's was taken over. */
  private compareWithTable(): boolean {
    if (this.compared) return false;
    this.compared = true;
    const looker = this.looker();
    const enabled = Object.values(this.state.servers).flatMap(({ def }) => (def.enabled ? [def.name] : []));
    const master = recordedMaster(this.state);
    const own = master === null ? null : rowOn(looker, master);
    const copy = own ?? enabled.reduce<SavedState | null>((best, name) => newest(best, rowOn(looker, name)), null);
    if (copy === null || newest(this.state, copy) !== copy || copy.generation <= this.state.generation) {
      this.published = copy;
      return false;
    }
    this.tell(`takes over generation ${copy.generation} from the table, its own was ${this.state.generation}`);
    this.state = copy;
    this.published = copy;
    return true;
  }

  /** Looks, decides, and looks closer for as long as the decision asks for it. */
  observe(options: {
    readonly persistent: boolean;
    readonly on_demand: OnDemand | null;
    readonly restart_failed: string | null;
    readonly thorough: boolean;
  }): { readonly situation: Situation; readonly decision: Decision } {
    let situation = this.first(options);
    if (this.compareWithTable()) situation = this.first(options);
    let decision = this.decide(situation);
    while (options.persistent && decision.action.kind === 'look') {
      situation = decision.action.what === 'closer_look' ? this.closer(situation) : this.retry(situation);
      decision = this.decide(situation);
    }
    this.setup.listener.decided(this, situation, decision);
    this.tell(`${decision.diagnosis.kind}, ${decision.action.kind}: ${decision.details}`);
    return { situation, decision };
  }

  private decide(s: Situation): Decision {
    return this.setup.mutant.decide(s, this.setup.select);
  }

  private first({ persistent, thorough, on_demand, restart_failed }: Parameters<Run['observe']>[0]): Situation {
    const { policy, blindPoll } = this.setup;
    const now = this.wall();
    const former = new Set(this.state.former_masters.map(({ server }) => server));
    const watched = Object.values(this.state.servers).filter(({ def }) => def.enabled || former.has(def.name));
    const servers = Object.fromEntries(
      watched.map(({ def }) => {
        const seen = lookAt(this.looker(), def.name);
        const blind = blindPoll && !thorough && this.state.operation === null && !former.has(def.name);
        return [def.name, blind ? { ...seen, facts: null } : seen] as const;
      }),
    );
    this.moment();
    const { active } = this.host;
    const situation: Situation = {
      now,
      policy,
      state: this.state,
      manager: this.observeManager(),
      active: { active, detail: '' },
      servers,
      attempts: { made: 1, wanted: persistent ? policy.fail_retries + 1 : 1 },
      trouble_since: null,
      closer: null,
      history: null,
      history_held_by: [],
      restart_failed,
      on_demand,
    };
    const seen = servers[recordedMaster(this.state) ?? ''];
    return seen !== undefined && canMeanDown(seen) ? { ...situation, trouble_since: now } : situation;
  }

  private observeManager(): Situation['manager'] {
    const { bootId, booted, disk } = this.host;
    const uptime_ms = this.world.now - booted;
    return { boot_id: bootId, wall_ms: this.wall(), uptime_ms, state_unwritable: disk ? null : 'ENOSPC' };
  }

  private managerSince({ manager }: Situation): Situation['manager'] {
    return laterThan(manager, this.observeManager());
  }

  /** Looks that time out are still open when the last retry has begun: a decision is tried then, and again when they have ended. */
  private retry(first: Situation): Situation {
    const { wanted, begun } = first.attempts;
    if (begun === wanted) {
      this.pause(TIME_OUT_MS);
      return { ...first, now: this.wall(), manager: this.managerSince(first), attempts: { made: wanted, wanted } };
    }
    const master = recordedMaster(first.state);
    if (master === null) return first;
    let last = first.servers[master];
    for (let turn = 0; turn < first.policy.fail_retries; turn++) {
      this.pause(first.policy.fail_retry_interval);
      last = this.look(master);
      if (!canMeanDown(last)) break;
    }
    const looked = this.closer(first);
    const servers = last === undefined ? looked.servers : { ...looked.servers, [master]: last };
    const open = last !== undefined && ['timeout', 'unreachable'].includes(last.reach.kind) ? 1 : 0;
    return { ...looked, now: this.wall(), servers, attempts: { made: wanted - open, wanted, begun: wanted } };
  }

  private closer(situation: Situation): Situation {
    const master = recordedMaster(situation.state);
    if (master === null) return situation;
    this.moment();
    this.looked = { at: this.world.now, happened: this.world.happened };
    const looker = this.looker();
    const replicas = enabledReplicas(situation.state);
    const witnesses = replicas.map((server) => ({
      server,
      seen: lookAt(looker, server),
      port: portFrom(looker, server, master),
      port_detail: '',
    }));
    const closer: CloserLook = {
      host: lookAtHost(looker, master),
      witnesses,
      candidate_hosts: replicas.map((name) => lookAtHost(looker, name)),
    };
    const fresh = Object.fromEntries(witnesses.map(({ server, seen }) => [server, seen]));
    const servers = { ...situation.servers, ...fresh };
    const asked = Object.fromEntries(replicas.flatMap((name) => (servers[name] ? [[name, servers[name]]] : [])));
    const manager = this.managerSince(situation);
    const newest = newestTimeline(situation.state, servers);
    return { ...situation, now: this.wall(), manager, servers, closer, ...historyOf(this.world, asked, newest) };
  }

  /** Folds a round into the saved state; trouble with that is no reason not to act. */
  keep(
    { situation, decision }: { readonly situation: Situation; readonly decision: Decision },
    verified: boolean,
  ): void {
    if (decision.diagnosis.kind === 'not_active') return;
    const round = {
      now: situation.now,
      trouble_since: situation.trouble_since,
      depth: verified ? ('verify' as const) : ('poll' as const),
      servers: situation.servers,
      replication: {},
      issues: {},
      proxies: {},
      archive: {},
      manager: situation.manager,
      decision,
    };
    try {
      this.save((state) => remember(state, round).state);
    } catch (error) {
      if (!(error instanceof CannotSave)) throw error;
    }
  }

  /** A change of the operation in the saved state. */
  note(change: (operation: Operation) => Operation): void {
    this.save((state) => (state.operation === null ? state : { ...state, operation: change(state.operation) }));
  }
}
