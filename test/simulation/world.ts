import type { ControlState } from '../../src/core/observation.js';
import type { SavedState } from '../../src/core/model.js';
import type { Dice } from '../random.js';
import { type Branch, type Commit, holds, newBranch } from './wal.js';

/*
 * A cluster as PostgreSQL and its hosts behave, with a clock of its own: processes, hosts, networks, WAL and clients. It knows
 * nothing of HandyRep.
 */

/** One server and its host. */
export interface Server {
  readonly name: string;
  power: 'on' | 'off';
  /** SIGSTOP of all its processes, or a host that stands still: nothing answers, and nothing is closed. */
  frozen: 'no' | 'process' | 'host';
  process: 'stopped' | 'starting' | 'running' | 'stopping';
  /** When what is under way (starting, stopping) ends. */
  settles: number;
  control: ControlState;
  /** standby.signal in the data directory. */
  signal: boolean;
  /** The running process is in recovery. */
  recovery: boolean;
  /** When it became what it is: running, or master. */
  since: number;
  /** It was asked to promote itself, and does so then. */
  promotes: number | null;
  branch: Branch;
  /** The history files in its pg_wal, by the number of the timeline. */
  readonly histories: Map<number, Branch>;
  lsn: number;
  /** Where the last shutdown checkpoint begins. */
  checkpoint: number;
  /** Whom a replica follows (primary_conninfo); null: nobody. */
  upstream: string | null;
  streaming: boolean;
  /** Which server it streams from now; the connection is broken off when that changes. */
  sender: string | null;
  /** When its WAL receiver got its last message. */
  heard: number;
  /** `stuck` receives nothing although it streams, `slow` little. */
  pace: 'fast' | 'slow' | 'stuck';
  saturated: boolean;
  rejecting: boolean;
  port: 'open' | 'dropped' | 'rejected';
  ssh: boolean;
  /** Started with its host. */
  autostart: boolean;
  disk: boolean;
  /** How long a start takes, milliseconds. */
  recoveryTime: number;
  /** What becomes of a request to promote. */
  promotion: 'fine' | 'slow' | 'never' | 'forbidden';
  /** `synchronous_standby_names`. */
  sync: { readonly num: number; readonly names: readonly string[]; readonly any: boolean } | null;
  fenceWorks: boolean;
  /** A person promoted it: what comes of that is not HandyRep's doing. */
  byHand: boolean;
}

/** A pooler that clients connect to. */
export interface Proxy {
  readonly name: string;
  up: boolean;
  paused: boolean;
  /** Where it sends its clients. */
  target: string;
}

/** Something that happens by itself at its time. */
export interface Happening {
  readonly at: number;
  readonly what: string;
  readonly happen: (world: World) => void;
}

/** wal_receiver_timeout, milliseconds: for so long a silent upstream is shown as streaming. */
const RECEIVER_TIMEOUT = 60_000;
/** The world moves in steps of this, milliseconds. */
const STEP = 2500;

export class World {
  now = 0;
  readonly servers = new Map<string, Server>();
  readonly proxies = new Map<string, Proxy>();
  /** Directed links that are cut: `from>to`. */
  readonly cuts = new Set<string>();
  /** What is to come, soonest first. */
  readonly agenda: Happening[] = [];
  readonly told: string[] = [];
  private last = '';
  /** Rows of the cluster table, each where it was written. */
  readonly rows: { readonly branch: Branch; readonly lsn: number; readonly state: SavedState }[] = [];
  writes = true;
  /** How many happenings there were. */
  happened = 0;
  onPromotion: (server: Server, lsn: number) => void = () => undefined;

  constructor(
    readonly dice: Dice,
    names: readonly string[],
    readonly trace: boolean,
    readonly settings: { readonly sync: 'none' | 'any' | 'first' },
  ) {
    const branch = newBranch(1, names[0] ?? '', null, 0);
    for (const name of names) this.servers.set(name, newServer(name, branch, names[0] ?? ''));
    for (const name of ['pgb1', 'pgb2']) {
      this.proxies.set(name, { name, up: true, paused: false, target: names[0] ?? '' });
    }
    for (const server of this.servers.values()) server.sync = this.syncFor(server.name);
  }

  syncFor(name: string): Server['sync'] {
    const names = [...this.servers.keys()].filter((other) => other !== name);
    return this.settings.sync === 'none' ? null : { num: 1, names, any: this.settings.sync === 'any' };
  }

  server(name: string): Server {
    const server = this.servers.get(name);
    if (server === undefined) throw new Error(`there is no server ${name}`);
    return server;
  }

  tell(text: string): void {
    if (!this.trace) return;
    if (text !== this.last) this.told.push(`${(this.now / 1000).toFixed(3).padStart(9)}  ${text}`);
    this.last = text;
  }

  schedule(happening: Happening): void {
    const later = this.agenda.findIndex(({ at }) => at > happening.at);
    if (later < 0) this.agenda.push(happening);
    else this.agenda.splice(later, 0, happening);
  }

  /** Lets time pass. What is due happens in its order. */
  advance(ms: number): void {
    const until = this.now + ms;
    for (;;) {
      const next = this.agenda[0];
      const due = next !== undefined && next.at <= until ? next.at : null;
      const step = Math.min(due ?? until, this.now + STEP);
      if (step > this.now) this.evolve(step);
      if (due !== null && step >= due) {
        this.agenda.shift();
        if (next !== undefined) {
          this.happened++;
          this.tell(`* ${next.what}`);
          next.happen(this);
        }
        continue;
      }
      if (this.now >= until) return;
    }
  }

  /** A packet from here gets there, and one back. */
  linked(from: string, to: string): boolean {
    if (this.cuts.size === 0) return true;
    return !this.cuts.has(`${from}>${to}`) && !this.cuts.has(`${to}>${from}`);
  }

  /** Its host runs: it can be pinged where the network allows. */
  hostUp({ power, frozen }: Server): boolean {
    return power === 'on' && frozen !== 'host';
  }

  /** Accepts a client that comes by its own host. */
  takesWrites({ process, recovery, frozen, power, disk }: Server): boolean {
    return process === 'running' && !recovery && frozen === 'no' && power === 'on' && disk;
  }

  writers(): readonly Server[] {
    return [...this.servers.values()].filter((one) => one.process === 'running' && !one.recovery && one.power === 'on');
  }

  private evolve(to: number): void {
    this.now = to;
    for (const server of this.servers.values()) this.settle(server);
    for (const server of this.servers.values()) this.connect(server);
    if (this.writes) for (const server of this.servers.values()) this.write(server);
    // A replica may follow a replica: twice, so that what is written gets to the end of a chain.
    for (let turn = 0; turn < 2; turn++) for (const server of this.servers.values()) this.receive(server);
    for (const server of this.servers.values()) this.acknowledge(server);
  }

  private settle(server: Server): void {
    if (server.power === 'off' || server.frozen !== 'no') return;
    if (!server.disk && server.process === 'running' && !server.recovery) this.kill(server);
    if (server.process === 'starting' && server.settles <= this.now) {
      if (server.disk) {
        server.process = 'running';
        server.since = this.now;
        server.control = server.recovery ? 'in archive recovery' : 'in production';
        // Crash recovery, and a start as master, end with a checkpoint.
        if (!server.recovery) {
          server.checkpoint = server.lsn;
          server.lsn += 120;
        }
      } else this.kill(server);
    }
    if (server.process === 'stopping' && server.settles <= this.now) this.shutDown(server);
    if (server.promotes !== null && server.promotes <= this.now && server.process === 'running') this.promote(server);
  }

  private promote(server: Server): void {
    server.promotes = null;
    if (!server.recovery || !server.disk) return;
    // Two servers that do not know of each other choose the same number.
    let tli = server.branch.tli + 1;
    while (server.histories.has(tli)) tli++;
    const { lsn } = server;
    server.branch = newBranch(tli, server.name, server.branch, lsn);
    server.histories.set(tli, server.branch);
    server.lsn += 200;
    server.recovery = false;
    server.since = this.now;
    server.signal = false;
    server.streaming = false;
    server.sender = null;
    server.control = 'in production';
    this.tell(`  ${server.name} becomes master on timeline ${tli}`);
    this.onPromotion(server, lsn);
  }

  private connect(server: Server): void {
    if (server.process !== 'running' || !server.recovery || !this.hostUp(server) || server.frozen !== 'no') {
      // A frozen one is shown as it was when it thaws; one that does not run has no WAL receiver.
      if (server.process !== 'running') server.streaming = false;
      return;
    }
    const upstream = server.upstream === null ? undefined : this.servers.get(server.upstream);
    if (upstream === undefined || server.sender !== server.upstream) {
      server.streaming = false;
      server.sender = null;
      if (upstream === undefined) return;
    }
    const linked = this.linked(server.name, upstream.name);
    const answers = this.passes(server, upstream);
    const serves = answers && (upstream.process === 'running' || upstream.process === 'stopping');
    // A WAL receiver fetches the history files that it lacks before it asks for WAL.
    if (serves && server.disk) learn(server, upstream);
    if (serves && server.disk && holds(upstream, server)) {
      server.streaming = true;
      server.sender = upstream.name;
      server.heard = this.now;
      return;
    }
    const closed = answers || (linked && this.hostUp(upstream) && upstream.process === 'stopped');
    if (closed || !server.disk || this.now - server.heard > RECEIVER_TIMEOUT) server.streaming = false;
  }

  /** WAL gets from an upstream to a standby: neither the network nor a frozen host is in the way. */
  private passes(standby: Server, upstream: Server): boolean {
    const linked = this.linked(standby.name, upstream.name) && upstream.port === 'open';
    return linked && [standby, upstream].every((one) => this.hostUp(one) && one.frozen === 'no');
  }

  private write(server: Server): void {
    if (!this.takesWrites(server) || server.saturated) return;
    server.lsn += this.dice.between(100, 9000);
    const commit: Commit = { lsn: server.lsn, at: this.now, acked: server.sync === null ? this.now : null };
    server.branch.commits.push(commit);
  }

  private receive(server: Server): void {
    if (!server.streaming || server.heard !== this.now || server.pace === 'stuck') return;
    const upstream = this.servers.get(server.sender ?? '');
    if (upstream === undefined) return;
    const ahead = upstream.lsn - server.lsn;
    if (ahead < 0) return;
    server.branch = upstream.branch;
    const all = server.pace === 'fast' && this.dice.chance(0.7);
    server.lsn += all ? ahead : Math.floor(ahead * this.dice.random() * (server.pace === 'slow' ? 0.2 : 1));
  }

  private acknowledge(server: Server): void {
    const { sync } = server;
    if (sync === null || !this.takesWrites(server)) return;
    const connected = sync.names.flatMap((name) => {
      const standby = this.server(name);
      return standby.sender === server.name && standby.heard === this.now && standby.streaming ? [standby] : [];
    });
    const asked = sync.any ? connected : connected.slice(0, sync.num);
    const { commits } = server.branch;
    for (let index = commits.length - 1; index >= 0; index--) {
      const commit = commits[index];
      if (commit?.acked !== null) break;
      if (asked.filter(({ lsn }) => lsn >= commit.lsn).length >= sync.num) commit.acked = this.now;
    }
  }

  /** SIGKILL of everything. */
  kill(server: Server): void {
    server.process = 'stopped';
    server.streaming = false;
    server.sender = null;
    server.promotes = null;
    if (server.frozen === 'process') server.frozen = 'no';
  }

  /** A start by whoever: standby.signal decides what it becomes. */
  start(server: Server): void {
    if (server.process !== 'stopped' || server.power === 'off' || !server.disk) return;
    server.process = 'starting';
    server.recovery = server.signal;
    if (server.signal) server.byHand = false;
    // Without standby.signal a replica's directory comes up as a master on the same timeline: another one of that number.
    if (!server.signal && server.branch.owner !== server.name) {
      server.branch = newBranch(server.branch.tli, server.name, server.branch, server.lsn);
    }
    server.settles = this.now + server.recoveryTime;
    server.control = server.signal
      ? 'in archive recovery'
      : server.control === 'shut down'
        ? 'starting up'
        : 'in crash recovery';
  }

  /** A fast stop: who is connected gets everything, the shutdown checkpoint too. */
  stopFast(server: Server): void {
    if (server.process !== 'running' || server.frozen !== 'no') return;
    server.process = 'stopping';
    server.settles = this.now + this.dice.between(50, 800);
  }

  private shutDown(server: Server): void {
    server.process = 'stopped';
    server.streaming = false;
    server.sender = null;
    // A start begins with removing the file that asks for a promotion.
    server.promotes = null;
    if (server.recovery) {
      server.control = 'shut down in recovery';
      return;
    }
    server.checkpoint = server.lsn;
    server.lsn += 120;
    server.control = 'shut down';
    for (const standby of this.servers.values()) {
      if (standby.sender !== server.name || !standby.streaming || !this.passes(standby, server)) continue;
      if (standby.pace !== 'fast' || !standby.disk || !holds(server, standby)) continue;
      standby.branch = server.branch;
      standby.lsn = server.lsn;
    }
  }

  powerOff(server: Server): void {
    server.power = 'off';
    this.kill(server);
    server.frozen = 'no';
  }

  powerOn(server: Server): void {
    if (server.power === 'on') return;
    server.power = 'on';
    if (server.autostart) this.start(server);
  }
}

function learn(server: Server, upstream: Server): void {
  for (const [tli, branch] of upstream.histories) {
    if (tli >= server.branch.tli && tli <= upstream.branch.tli && !server.histories.has(tli)) {
      server.histories.set(tli, branch);
    }
  }
}

function newServer(name: string, branch: Branch, master: string): Server {
  const replica = name !== master;
  return {
    name,
    power: 'on',
    frozen: 'no',
    process: 'running',
    settles: 0,
    since: 0,
    control: replica ? 'in archive recovery' : 'in production',
    signal: replica,
    recovery: replica,
    promotes: null,
    branch,
    histories: new Map(),
    lsn: 0x500_0000,
    checkpoint: 0x500_0000,
    upstream: replica ? master : null,
    streaming: replica,
    sender: replica ? master : null,
    heard: 0,
    pace: 'fast',
    saturated: false,
    rejecting: false,
    port: 'open',
    ssh: true,
    autostart: true,
    disk: true,
    recoveryTime: 500,
    promotion: 'fine',
    sync: null,
    fenceWorks: true,
    byHand: false,
  };
}
