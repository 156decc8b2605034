import type { Dice } from '../random.js';
import type { Lab } from './lab.js';
import * as operator from './operator.js';
import type { Server } from './world.js';

/** One fault or act of a person: what it is called, what it does now, and what ends it. */
export interface Fault {
  readonly what: string;
  readonly begin: () => void;
  readonly end?: () => void;
}

type Make = (lab: Lab, server: Server, dice: Dice) => Fault;

/** Cuts links, both ways or one way, and mends those that it cut. */
function cut({ world }: Lab, what: string, links: readonly string[]): Fault {
  const made = links.filter((link) => !world.cuts.has(link));
  return {
    what,
    begin: () => {
      for (const link of made) world.cuts.add(link);
    },
    end: () => {
      for (const link of made) world.cuts.delete(link);
    },
  };
}

function nodes({ world, hosts }: Lab): readonly string[] {
  return [...world.servers.keys(), ...hosts.map(({ name }) => name)];
}

function both(a: string, b: string): readonly string[] {
  return [`${a}>${b}`, `${b}>${a}`];
}

/** A property of a server that is one thing for a time. */
function set<K extends keyof Server>(server: Server, key: K, during: Server[K], after: Server[K], what: string): Fault {
  return {
    what: `${server.name}: ${what}`,
    begin: () => {
      server[key] = during;
    },
    end: () => {
      server[key] = after;
    },
  };
}

function command(lab: Lab, what: string, act: operator.Command): Fault {
  return { what: `an operator: ${what}`, begin: () => void lab.commands.push({ what, act }) };
}

/** Everything that can go wrong, or be done by people, with how often it is chosen. */
const FAULTS: readonly (readonly [number, Make])[] = [
  [
    20,
    ({ world }, server) => ({
      what: `${server.name}: its postmaster is killed`,
      begin: () => {
        world.kill(server);
      },
    }),
  ],
  [
    5,
    ({ world }, _, dice) => {
      const proxy = dice.pick([...world.proxies.values()]);
      const { target } = proxy;
      return {
        what: `${proxy.name}: it dies`,
        begin: () => Object.assign(proxy, { up: false, paused: false }),
        // It comes back with the configuration that it had.
        end: () => Object.assign(proxy, { up: true, target }),
      };
    },
  ],
  [
    4,
    ({ world }, server) => ({
      what: `${server.name}: it crashes and restarts by itself`,
      begin: () => {
        world.kill(server);
      },
      end: () => {
        world.start(server);
      },
    }),
  ],
  [6, (_, server) => set(server, 'frozen', 'process', 'no', 'its processes freeze')],
  [5, (_, server) => set(server, 'frozen', 'host', 'no', 'its host freezes')],
  [
    14,
    ({ world }, server) => ({
      what: `${server.name}: its host goes off`,
      begin: () => {
        world.powerOff(server);
      },
      end: () => {
        world.powerOn(server);
      },
    }),
  ],
  [
    6,
    (lab, server) => {
      const others = nodes(lab).filter((name) => name !== server.name);
      return cut(
        lab,
        `${server.name}: cut off from everybody`,
        others.flatMap((name) => both(server.name, name)),
      );
    },
  ],
  [
    4,
    (lab) => {
      const [host] = lab.hosts;
      const links = [...lab.world.servers.keys()].flatMap((name) => both(host?.name ?? '', name));
      return cut(lab, 'the manager is cut off from everybody', links);
    },
  ],
  [
    6,
    (lab, server, dice) => {
      const other = dice.pick(nodes(lab).filter((name) => name !== server.name));
      return cut(lab, `${server.name} and ${other} do not reach each other`, both(server.name, other));
    },
  ],
  [
    5,
    (lab, server) => {
      const [host] = lab.hosts;
      return cut(lab, `the manager does not reach ${server.name}`, both(host?.name ?? '', server.name));
    },
  ],
  [
    4,
    (lab, server, dice) => {
      const other = dice.pick(nodes(lab).filter((name) => name !== server.name));
      return cut(lab, `nothing gets from ${other} to ${server.name}`, [`${other}>${server.name}`]);
    },
  ],
  [4, (_, server) => set(server, 'ssh', false, true, 'ssh is blocked')],
  [4, (_, server, dice) => set(server, 'port', dice.chance(0.5) ? 'dropped' : 'rejected', 'open', '5432 is blocked')],
  [3, (_, server) => set(server, 'saturated', true, false, 'all connections are in use')],
  [2, (_, server) => set(server, 'rejecting', true, false, 'it rejects our login')],
  [3, (_, server) => set(server, 'recoveryTime', 45_000, 500, 'starts take long')],
  [3, (_, server) => set(server, 'disk', false, true, 'its disk is full')],
  [4, (_, server, dice) => set(server, 'pace', dice.chance(0.5) ? 'slow' : 'stuck', 'fast', 'it receives slowly')],
  [2, (_, server) => set(server, 'promotion', 'slow', 'fine', 'a promotion takes long')],
  [2, (_, server) => set(server, 'promotion', 'never', 'fine', 'a promotion never ends')],
  [2, (_, server) => set(server, 'promotion', 'forbidden', 'fine', 'a promotion is forbidden')],
  [3, (_, server) => set(server, 'fenceWorks', false, true, 'its power cannot be switched')],
  [1, (_, server) => set(server, 'autostart', false, true, 'it is not started with its host')],
  [
    3,
    ({ world }, server) => ({
      what: `${server.name}: a person stops it`,
      begin: () => {
        world.stopFast(server);
      },
      end: () => {
        world.start(server);
      },
    }),
  ],
  [
    3,
    ({ world }, server) => ({
      what: `${server.name}: a person starts it`,
      begin: () => {
        world.start(server);
      },
    }),
  ],
  [
    3,
    ({ world }, server) => ({
      what: `${server.name}: a person promotes it, if no master runs`,
      begin: () => {
        if (world.writers().length > 0 || server.process !== 'running' || !server.recovery) return;
        server.byHand = true;
        server.promotes = world.now + 100;
      },
    }),
  ],
  [3, (lab) => command(lab, 'pause', operator.pause)],
  [4, (lab) => command(lab, 'resume', operator.resumeActing)],
  [3, (lab) => command(lab, 'ack', operator.acknowledge)],
  [6, (lab) => command(lab, 'failover', operator.failover(null))],
  [3, (lab, server) => command(lab, `failover --to ${server.name}`, operator.failover(server.name))],
  [2, (lab, server) => command(lab, `failover --to ${server.name} --force`, operator.failover(server.name, true))],
  [5, (lab, server) => command(lab, `rejoin ${server.name}`, operator.rejoin(server.name))],
  [3, (lab, server) => command(lab, `start ${server.name}`, operator.start(server.name))],
  [
    9,
    ({ hosts }, _, dice) => {
      const [host] = hosts;
      const killIn = dice.between(1, 60);
      return {
        what: `the manager will be killed ${killIn} instants on`,
        begin: () => {
          if (host !== undefined) host.killIn = killIn;
        },
      };
    },
  ],
  [
    3,
    ({ world, hosts }) => ({
      what: 'the manager boots anew',
      begin: () => {
        const [host] = hosts;
        if (host === undefined) return;
        host.bootId = `boot-${world.now}`;
        host.booted = world.now;
        host.killIn = 1;
      },
    }),
  ],
  [
    3,
    ({ hosts }, _, dice) => {
      const jump = (dice.chance(0.5) ? 1 : -1) * dice.between(2000, 300_000);
      return {
        what: `the manager's clock jumps by ${(jump / 1000).toFixed(1)} s`,
        begin: () => {
          const [host] = hosts;
          if (host !== undefined) host.offset += jump;
        },
      };
    },
  ],
  [
    3,
    ({ hosts: [host] }) => ({
      what: 'servers.save is lost',
      begin: () => {
        if (host !== undefined) host.file = null;
      },
    }),
  ],
  [
    2,
    ({ hosts: [host] }) => ({
      what: 'the manager’s disk is full',
      begin: () => {
        if (host !== undefined) host.disk = false;
      },
      end: () => {
        if (host !== undefined) host.disk = true;
      },
    }),
  ],
  [
    2,
    ({ hosts: [host] }) => ({
      what: 'names do not resolve',
      begin: () => {
        if (host !== undefined) host.resolver = false;
      },
      end: () => {
        if (host !== undefined) host.resolver = true;
      },
    }),
  ],
  [
    3,
    (lab) => ({
      what: 'the other management host is the active one',
      begin: () => {
        lab.swap = true;
      },
    }),
  ],
];

const TOTAL = FAULTS.reduce((sum, [weight]) => sum + weight, 0);

/** A fault by chance. */
export function makeFault(lab: Lab, dice: Dice): Fault {
  const { world } = lab;
  const names = [...world.servers.keys()];
  // The master is where it hurts.
  const master = world.writers()[0]?.name ?? names[0] ?? '';
  const server = world.server(dice.chance(0.7) ? master : dice.pick(names));
  let at = dice.random() * TOTAL;
  for (const [weight, make] of FAULTS) {
    at -= weight;
    if (at < 0) return make(lab, server, dice);
  }
  throw new Error('the weights of the faults do not add up');
}
