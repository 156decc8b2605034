import type { Decision } from '../../src/core/decision.js';
import { type Loss, describeLoss } from '../../src/core/loss.js';
import type { Operation } from '../../src/core/model.js';
import type { Situation } from '../../src/core/situation.js';
import { broken } from '../core/space/promises.js';
import type { RunEnd } from './check.js';
import { hasSsh, portOf, reachOf } from './looks.js';
import { EPOCH, type Host, type Listener, type Run } from './manager.js';
import { type Commit, missing } from './wal.js';
import type { Server, World } from './world.js';

/** Something that must never be was seen. */
export class Violation extends Error {}

/** What the decision said of the loss, until the promotion shows what it was. */
interface Stated {
  readonly server: string;
  readonly loss: Loss;
  readonly s: Situation;
  readonly decidedAt: number;
}

/** Milliseconds between the time of a look and its answer. */
const SLACK = 100;

/** What was around a run. */
interface Around {
  readonly began: number;
  /** Nothing happened meanwhile. */
  readonly quiet: boolean;
}

/** Watches a world for what must never be. */
export class Watch implements Listener {
  private stated: Stated | null = null;
  /** Which boot of a host its last whole round was of. */
  private readonly boots = new Map<string, string>();
  /** When the last decision was made. */
  private decidedAt = 0;
  private chosenAt = 0;
  private asking: { readonly server: string; readonly operation: Operation } | null = null;
  /** When the world was at the times that a state names, and in which boot of the management host it was written. */
  private readonly moments = new Map<string, { readonly from: number; readonly boot: string }>();
  /** Fenced by power, which leaves no standby.signal: they come back as they were, and are stopped then. */
  private readonly byPower = new Set<string>();
  /** How often a loss of each kind was stated and then seen. */
  readonly losses = new Map<Loss['kind'], number>();

  constructor(
    readonly world: World,
    readonly names: readonly string[],
    /** A planted fault is to be found by what it does, not by the decision. */
    readonly judgesDecisions: boolean,
  ) {}

  private must(name: string, holds: boolean): void {
    if (!holds) throw new Violation(name);
  }

  /** What is decided is held against the world as it is, not as it was seen. */
  decided({ host, world, looked }: Run, s: Situation, decision: Decision): void {
    this.decidedAt = world.now;
    if (decision.action.kind === 'fail_over') {
      const { old_master, replicas } = decision.action.plan;
      const sees = replicas.find(
        (name) =>
          hasSsh(world, host.name, world.server(name)) && portOf(world, name, world.server(old_master)) === 'reaches',
      );
      // What comes back while looks time out is found by the fencing.
      const back = world.happened !== looked.happened || world.server(old_master).since > looked.at;
      this.must(`${sees ?? ''} reaches ${old_master}, which is to be replaced`, sees === undefined || back);
      const first = this.boots.get(host.name) !== host.bootId && s.on_demand === null;
      this.must('a failover in the first round since the host booted', !first);
      const { paused, allowed } = { paused: s.state.pause !== null, allowed: s.policy.auto_failover };
      this.must('a failover by itself that is paused or not allowed', s.on_demand !== null || (allowed && !paused));
    }
    if (!this.judgesDecisions) return;
    const faults = broken(s, decision);
    this.must(`a decision breaks a promise: ${faults.join('; ')}`, faults.length === 0);
  }

  saved({ state, host }: Run): void {
    this.must(
      'a server is forgotten',
      this.names.every((name) => state.servers[name] !== undefined),
    );
    if (state.clock?.boot_id === host.bootId) this.boots.set(host.name, host.bootId);
    const at = state.master_position?.at;
    if (at === undefined || this.moments.has(at)) return;
    this.moments.set(at, { from: Date.parse(at) - EPOCH - host.offset, boot: host.bootId });
  }

  chosen(server: string, loss: Loss, s: Situation): void {
    this.chosenAt = this.world.now;
    this.stated = { server, loss, s, decidedAt: this.decidedAt };
  }

  fenced(server: string, by: 'command' | 'power'): void {
    if (by === 'power') this.byPower.add(server);
    else this.byPower.delete(server);
  }

  /** A server is asked to promote itself. */
  asked({ host, state: { operation, former_masters } }: Run, name: string): void {
    if (operation !== null) this.asking = { server: name, operation };
    const owed =
      operation?.steps.some(({ step }) => step.kind === 'fence_old_master' && step.way.kind === 'owed') === true;
    for (const other of this.world.writers()) {
      if (other.name === name || other.byHand) continue;
      const former = former_masters.some((one) => one.server === other.name);
      const known =
        former &&
        (this.byPower.has(other.name) ||
          former_masters.some((one) => one.server === other.name && one.fenced === null));
      // Switched on again at once, where we do not see it: nobody can tell that from one that stays off.
      const unseen = this.byPower.has(other.name) && reachOf(this.world, host.name, other) !== 'accepting';
      this.must(
        `${name} is promoted beside ${other.name}, which takes writes`,
        known || (other.name === operation?.old_master && (owed || unseen || other.since >= this.chosenAt)),
      );
    }
    const other = [...this.world.servers.values()].find((one) => one.promotes !== null && one.name !== name);
    // A person gave it up by force, and its host lets nobody in.
    const givenUp = former_masters.some((one) => one.server === other?.name && one.fenced === null);
    this.must(
      `${name} is asked while ${other?.name ?? ''} may still promote itself`,
      other === undefined || other.byHand || (givenUp && !hasSsh(this.world, host.name, other)),
    );
  }

  /** A server has become master; `lsn`: where it stood. */
  promoted(server: Server, lsn: number): void {
    const { asking, stated } = this;
    if (server.byHand || asking?.server !== server.name || server.branch.parent === null) return;
    const old = this.world.server(asking.operation.old_master);
    const lost = missing(old, { branch: server.branch.parent, lsn }).filter((commit) => commit.acked !== null);
    if (asking.operation.kind === 'switchover') {
      this.must(`a switchover lost ${lost.length} acknowledged commits`, lost.length === 0);
      return;
    }
    if (stated?.server !== server.name) return;
    this.stated = null;
    this.losses.set(stated.loss.kind, (this.losses.get(stated.loss.kind) ?? 0) + 1);
    this.world.tell(`  ${lost.length} acknowledged commits are lost; stated: ${describeLoss(stated.loss)}`);
    this.judgeLoss(lost, lsn, stated);
  }

  private judgeLoss(lost: readonly Commit[], lsn: number, { loss, s, decidedAt }: Stated): void {
    if (loss.kind === 'none')
      this.must(`${lost.length} commits are lost, and the loss was stated as none`, lost.length === 0);
    if (loss.kind !== 'bounded') return;
    const host = s.closer?.host;
    const byCheckpoint = host?.kind === 'looked' && host.control?.state === 'shut down';
    const position = s.state.master_position;
    const known = byCheckpoint ? Infinity : Number(position?.lsn ?? 0);
    const bytes = lost.reduce((most, commit) => (commit.lsn <= known ? Math.max(most, commit.lsn - lsn) : most), 0);
    this.must(`${bytes} bytes are lost that were known of, and ${loss.bytes} were stated`, bytes <= loss.bytes);
    // A master that nobody can reach, and whose fencing is owed, may go on for those that can reach it.
    if (byCheckpoint || host?.kind !== 'looked') return;
    const { from, boot } = this.moments.get(position?.at ?? '') ?? { from: 0, boot: '' };
    this.must('seconds are vouched for across a boot', !loss.vouched || boot === s.manager.boot_id);
    if (!loss.vouched) return;
    const end = from + loss.seconds * 1000 + SLACK;
    // One that was frozen may thaw after the last look, until it is killed.
    const hung = host.postmaster.kind === 'running';
    const late = lost.filter((commit) => commit.lsn > known && !(hung && (commit.acked ?? 0) >= decidedAt));
    const last = late.reduce((latest, { acked }) => Math.max(latest, acked ?? 0), 0);
    this.must(
      `what was written until ${((last - from) / 1000).toFixed(1)} s after the last poll is lost, and ${loss.seconds.toFixed(1)} s were stated`,
      last <= end,
    );
  }

  /** A run is over. */
  ended({ run, decision, situation, killed }: RunEnd, host: Host, { began, quiet }: Around): void {
    for (const { server: name, fenced, timeline } of run.state.former_masters) {
      const server = this.world.server(name);
      if (!this.world.takesWrites(server) || server.byHand) continue;
      if (timeline !== null && server.branch.tli >= timeline) continue;
      this.must(`${name} was fenced and takes writes`, fenced === null || this.byPower.has(name));
      if (killed || !quiet || decision === null || decision.rule <= 2 || !host.disk || server.since >= began) continue;
      const reached = reachOf(this.world, host.name, server) === 'accepting' && hasSsh(this.world, host.name, server);
      this.must(`a check reached the former master ${name}, and it still takes writes`, !reached);
    }
    // poll_isready learns no roles; whoever was asked and answers is seen.
    const seen = this.world.writers().filter(({ name }) => situation?.servers[name]?.facts?.in_recovery === false);
    const fine = decision?.diagnosis.kind === 'master_healthy' && !killed && quiet;
    this.must(
      `${seen.map(({ name }) => name).join(' and ')} take writes, and all is called well`,
      !fine || seen.length < 2,
    );
  }
}
