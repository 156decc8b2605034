import type { ClonePlan } from '../act/clone.js';
import { describeKept, keepDivergedWal } from '../act/diverged.js';
import { readMark } from '../act/rejoin.js';
import { type CloneSituation, type SourceFacts, type TargetLook, judgeClone } from '../core/clone.js';
import { mappedLocation } from '../core/copy.js';
import type { ServerDef } from '../core/model.js';
import { type Outcome, describeFailure, fail, ok } from '../core/outcome.js';
import { recordedMaster } from '../core/situation.js';
import { unknownServer } from '../core/unknown-server.js';
import { freeSlots, lookAtSource, lookAtTarget, sizeOfTarget } from '../observe/clone.js';
import { lookAtServer } from '../observe/servers.js';
import { whyNotNow } from './rebuild.js';
import { reasonOf } from './refusals.js';
import { type Session, factLook } from './session.js';

export interface PlanOptions {
  readonly from?: string;
  readonly reclone?: boolean;
  readonly force?: boolean;
}

/** What a clone was planned as, or why it is not to be done. */
export interface Planned {
  readonly name: string;
  readonly plan: Outcome<ClonePlan>;
}

/** Looks at everything that is needed, all servers at once, and judges each clone. Changes nothing. */
export async function planClones(
  session: Session,
  names: readonly string[],
  options: PlanOptions,
): Promise<readonly Planned[]> {
  const ends = endpoints(session, options.from);
  const known = ends.ok ? await lookAtEnds(session, ends.value) : ends;
  return Promise.all(
    names.map(async (name) => {
      const target = serverNamed(session, name);
      if (!target.ok) return { name, plan: target };
      const plan = known.ok ? await planOne(session, target.value, known.value, options) : known;
      return { name, plan: plan.ok ? plan : { ok: false, error: reasonOf(session, plan.error) } };
    }),
  );
}

function serverNamed(session: Session, name: string): Outcome<ServerDef> {
  const { servers } = session.state.current();
  const def = Object.hasOwn(servers, name) ? servers[name]?.def : undefined;
  if (def !== undefined) return ok(def);
  return { ok: false, error: unknownServer(name, Object.keys(servers)) };
}

interface Ends {
  readonly master: ServerDef;
  readonly source: ServerDef;
}

function endpoints(session: Session, from: string | undefined): Outcome<Ends> {
  const name = recordedMaster(session.state.current());
  if (name === null) {
    return fail('unsafe', 'no master is recorded, so there is nobody that a clone could follow', {
      hint: 'run `handyrep failover-check` first',
    });
  }
  const master = serverNamed(session, name);
  const source = serverNamed(session, from ?? name);
  if (!master.ok) return master;
  if (!source.ok) return source;
  return ok({ master: master.value, source: source.value });
}

interface KnownEnds extends Ends {
  readonly facts: SourceFacts;
  readonly free_slots: number;
}

/** The files of a large server take time to count: this may take as long as a command. */
async function lookAtEnds(session: Session, { master, source }: Ends): Promise<Outcome<KnownEnds>> {
  const options = { timeout: session.config.handyrep.command_timeout, signal: session.signal };
  const [seen, facts, slots] = await Promise.all([
    lookAtServer(factLook(session), master),
    lookAtSource(session.sql, source, options),
    freeSlots(session.sql, master, options),
  ]);
  if (!slots.ok) return unreachable(slots, `the master ${master.name} must be up: a clone follows it`);
  if (!facts.ok) return unreachable(facts, `the server to copy from must be up; --from names another`);
  if (seen.facts?.in_recovery !== false) {
    return fail('unsafe', `${master.name} is recorded as master and does not accept writes`, {
      server: master.name,
      hint: 'run `handyrep failover-check`, which finds out who is master',
    });
  }
  const { system_identifier } = facts.value;
  if (system_identifier !== seen.facts.system_identifier) {
    return fail('unsafe', `${source.name} is not of the cluster of ${master.name}: another system identifier`, {
      server: source.name,
      hint: 'copy from another server (--from)',
    });
  }
  return ok({ master, source, facts: facts.value, free_slots: slots.value });
}

function unreachable(failure: Outcome<never>, hint: string): Outcome<never> {
  if (failure.ok) return failure;
  const { error } = failure;
  return { ok: false, error: { ...error, hint: error.hint === undefined ? hint : `${hint}; ${error.hint}` } };
}

async function planOne(
  session: Session,
  target: ServerDef,
  known: KnownEnds,
  options: PlanOptions,
): Promise<Outcome<ClonePlan>> {
  const { master, source, facts } = known;
  const state = session.state.current();
  const free = whyNotNow(state, target.name);
  if (!free.ok) return free;
  const sourceFree = whyNotNow(state, source.name);
  if (!sourceFree.ok) return sourceFree;
  if (target.name === source.name && target.name !== master.name) {
    return fail('usage', `${target.name} cannot be made from itself`, { hint: 'name another server with --from' });
  }
  const outside = outsideOf(session, target, facts);
  const [look, seen] = await Promise.all([
    lookThoroughly(session, target, outside, { facts, may_replace: options.reclone === true }),
    lookAtServer(factLook(session), target),
  ]);
  if (!look.ok) return look;
  const rebuild = state.rebuilds.find((one) => one.server === target.name);
  const broken = rebuild?.kind === 'clone';
  const situation: CloneSituation = {
    target,
    source,
    master,
    target_facts: seen.facts,
    look: look.value,
    source_facts: facts,
    free_slots: known.free_slots,
    broken,
    reclone: options.reclone === true,
    force: options.force === true,
  };
  const start = judgeClone(situation);
  if (!start.ok) return start;
  const former = state.former_masters.some((one) => one.server === target.name);
  return ok({
    target,
    source,
    master,
    look: look.value,
    source_facts: facts,
    start: start.value,
    broken,
    mapping: outside.mapping,
    waldir: outside.waldir,
    beforeWipe: former ? keepWhatOnlyItHas(options.force === true) : () => Promise.resolve(ok(undefined)),
    progress: () => undefined,
  });
}

/**
 * WAL that only a former master has is saved before it is overwritten. Where a rewind had begun, that was done before it, and
 * what is left tells nothing. With `force` what cannot be saved is given up, and told.
 */
function keepWhatOnlyItHas(force: boolean): ClonePlan['beforeWipe'] {
  return async (tools, target, master) => {
    const mark = await readMark(tools, target);
    if (mark.ok && mark.value.mark === 'begun') return ok(undefined);
    const kept = await keepDivergedWal(tools, target, master);
    const tell = (message: string, iserror: boolean): void =>
      tools.tell({ category: 'CLONE', message, server: target.name, iserror });
    if (kept.ok) {
      if (kept.value !== null) tell(describeKept(kept.value), false);
      return ok(undefined);
    }
    if (force) {
      tell(`the WAL that only ${target.name} has is given up (--force): ${describeFailure(kept.error)}`, true);
      return ok(undefined);
    }
    const give_up = '--force gives up the WAL that only it has';
    return fail('unsafe', `${target.name}: its own WAL cannot be saved first: ${kept.error.message}`, {
      server: target.name,
      hint: kept.error.hint === undefined ? give_up : `${kept.error.hint}; ${give_up}`,
    });
  };
}

interface Outside {
  readonly mapping: Readonly<Record<string, string>>;
  readonly waldir: string | null;
}

/** Where the clone method puts what lies outside of the data directory, by its settings of these names. */
function outsideOf(session: Session, target: ServerDef, facts: SourceFacts): Outside {
  const settings = session.loaded.plugin_settings[target.clone_method] ?? {};
  const { tablespace_mapping: mapping, waldir } = settings;
  const pairs = typeof mapping === 'object' && mapping !== null ? Object.entries(mapping) : [];
  const known = new Set(facts.tablespaces.map((one) => one.location));
  return {
    mapping: Object.fromEntries(
      pairs.filter((pair): pair is [string, string] => known.has(pair[0]) && typeof pair[1] === 'string'),
    ),
    waldir: typeof waldir === 'string' ? waldir : null,
  };
}

/** Where there is too little room, what the old data directory holds is counted: it will be free. */
async function lookThoroughly(
  session: Session,
  target: ServerDef,
  { mapping, waldir }: Outside,
  { facts, may_replace }: { readonly facts: SourceFacts; readonly may_replace: boolean },
): Promise<Outcome<TargetLook>> {
  const { ssh_timeout, connect_timeout, command_timeout } = session.config.handyrep;
  const folders = facts.tablespaces.map((one) => mappedLocation(one.location, mapping));
  const outside = waldir === null ? folders : [...folders, waldir];
  const options = { timeout: ssh_timeout + connect_timeout, signal: session.signal };
  const look = await lookAtTarget(session.hosts, target, { major: facts.major, outside }, options);
  if (!look.ok) return look;
  const { free_bytes: free, directory } = look.value;
  const holds = directory === 'data' || directory === 'other';
  if (free === null || free >= facts.data_bytes + facts.wal_bytes || !holds) return look;
  if (!may_replace && !session.state.current().rebuilds.some((one) => one.server === target.name)) return look;
  const used = await sizeOfTarget(session.hosts, target, { timeout: command_timeout, signal: session.signal });
  return ok({ ...look.value, free_bytes: used === null ? null : free + used });
}
