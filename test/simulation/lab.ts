import type { FailoverPolicy } from '../../src/core/model.js';
import { byPriority, furthestAhead } from '../../src/core/select.js';
import { DEFAULT_POLICY, serverDef } from '../core/build.js';
import { Dice } from '../random.js';
import { hostname } from './looks.js';
import { Watch } from './invariants.js';
import type { Host, Setup } from './manager.js';
import { type Mutant, SOUND } from './mutants.js';
import type { Command } from './operator.js';
import { World } from './world.js';

/** A cluster, its management hosts, and who watches both: all that a seed makes. */
export interface Lab {
  readonly world: World;
  /** The first is the active one. */
  readonly hosts: Host[];
  readonly setup: Setup;
  readonly watch: Watch;
  /** What people want done between two checks. */
  readonly commands: { readonly what: string; readonly act: Command }[];
  /** The other management host takes over before the next check. */
  swap: boolean;
  /** Between two checks, milliseconds. */
  readonly every: number;
}

export interface LabOptions {
  readonly seed: number;
  readonly trace?: boolean;
  readonly mutant?: Mutant;
}

/** Decided apart, so that the rest of a schedule is the same with and without. */
const AUTO_REJOIN = 0xa07;

export function makeLab({ seed, trace = false, mutant = SOUND }: LabOptions): Lab {
  const dice = new Dice(seed);
  const names = ['db1', 'db2', 'db3', 'db4'].slice(0, dice.pick([2, 3, 3, 3, 4]));
  const sync = dice.pick(['none', 'none', 'any', 'first'] as const);
  const world = new World(dice, names, trace, { sync });
  const watch = new Watch(world, names, mutant === SOUND);
  world.onPromotion = (server, lsn) => {
    watch.promoted(server, lsn);
  };
  const configured = names.map((name) => serverDef(name, { hostname: hostname(name) }));
  const setup: Setup = {
    world,
    policy: { ...makePolicy(dice), auto_rejoin: new Dice(seed ^ AUTO_REJOIN).chance(0.4) },
    select: dice.pick([furthestAhead, byPriority]),
    configured,
    listener: watch,
    mutant,
    blindPoll: dice.chance(0.15),
    hook: dice.chance(0.3) ? ['ask'] : [],
  };
  const hosts = ['m1', 'm2'].map((name, index) => newHost(name, index === 0));
  world.tell(`${names.length} servers, synchronous: ${sync}, policy ${JSON.stringify(differences(setup.policy))}`);
  return { world, hosts, setup, watch, commands: [], swap: false, every: dice.pick([2000, 5000, 20_000, 60_000]) };
}

function newHost(name: string, active: boolean): Host {
  return {
    name,
    file: null,
    offset: 0,
    bootId: `boot-of-${name}`,
    booted: -1_000_000,
    resolver: true,
    disk: true,
    active,
    killIn: null,
  };
}

function makePolicy(dice: Dice): FailoverPolicy {
  const mostly = <T>(usual: T, other: T): T => dice.pick([usual, usual, usual, other]);
  return {
    ...DEFAULT_POLICY,
    auto_failover: dice.pick([true, true, true, true, true, true, true, false]),
    remaster: mostly(true, false),
    restart_master: mostly(false, true),
    require_fencing: mostly(false, true),
    fence_method: dice.pick([null, 'fence_command']),
    failover_on_hung: mostly(true, false),
    max_data_loss: dice.pick(['unlimited', 'unlimited', 'none', { bytes: 20_000 }]),
    min_witnesses: dice.pick([0, 1, 1, 1, 2]),
    min_failover_interval: dice.pick([0, 0, 30_000, 600_000]),
    connection_failover_method: dice.pick([null, 'multi_pgbouncer']),
  };
}

function differences(policy: FailoverPolicy): Partial<FailoverPolicy> {
  const usual = Object.entries(DEFAULT_POLICY);
  return Object.fromEntries(
    Object.entries(policy).filter(([key, value]) => usual.find(([name]) => name === key)?.[1] !== value),
  );
}
