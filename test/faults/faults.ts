import { freezeTree, killProcesses, signal } from '../../src/demo/processes.js';
import { readProcess } from '../../src/state/process.js';
import type { HostCluster } from '../hosts/cluster.js';
import type { Host } from '../hosts/host.js';

/** A host by its name, or by the part that it has come to play: `promoted`, `other` (the replica that was not). */
export type Who = 'db1' | 'db2' | 'db3' | 'manager' | 'client' | 'promoted' | 'other';

/** What a fault is done to. */
export interface Scene {
  readonly cluster: HostCluster;
  host(who: Who): Host;
  /** What handyrep is run with, before its own words: a false clock. */
  prefix: readonly string[];
  /** Has a report judged that somebody else's run of handyrep wrote at a time (milliseconds since the epoch). */
  take(at: number, report: string): void;
  /** To be done when the scene is over, whatever became of it. */
  readonly leave: (() => Promise<void>)[];
}

/** Something that goes wrong, and how it comes right again. */
export interface Fault {
  readonly name: string;
  apply(scene: Scene): Promise<void>;
  undo(scene: Scene): Promise<void>;
}

/** SIGKILL to every process of PostgreSQL. Undone by starting it again as it was, as a service manager would. */
export function killed(who: Who): Fault {
  return {
    name: `PostgreSQL of ${who} is killed`,
    apply: async (scene) => {
      killProcesses(postmaster(scene.host(who)));
    },
    undo: (scene) => scene.host(who).startPostgres(),
  };
}

/** SIGSTOP to every process of PostgreSQL: connections stay open and get no answer. */
export function frozen(who: Who): Fault {
  return {
    name: `PostgreSQL of ${who} is frozen`,
    apply: async (scene) => {
      freezeTree(postmaster(scene.host(who)));
    },
    undo: async (scene) => {
      for (const pid of scene.host(who).pids('postgres').reverse()) signal(pid, 'SIGCONT');
    },
  };
}

/** The cord is pulled. Undone by switching on: what was running starts with the host. */
export function poweredOff(who: Who): Fault {
  return {
    name: `${who} loses power`,
    apply: (scene) => scene.host(who).powerOff(),
    undo: (scene) => scene.host(who).powerOn(),
  };
}

/** The network cable is pulled. */
export function unplugged(who: Who): Fault {
  const set = async (scene: Scene, state: string): Promise<void> => {
    await scene.cluster.laboratory.onSwitch(['ip', 'link', 'set', scene.host(who).port(), state]);
  };
  return {
    name: `${who} is unplugged`,
    apply: (scene) => set(scene, 'down'),
    undo: (scene) => set(scene, 'up'),
  };
}

/** No packet passes between two hosts, either way or from the first to the second only; nobody is told. */
export function cut(a: Who, b: Who, ways: 'both' | 'one' = 'both'): Fault {
  const rules = (scene: Scene): string[] => {
    const [from, to] = [scene.host(a).address, scene.host(b).address];
    return [
      `ip saddr ${from} ip daddr ${to} drop`,
      ...(ways === 'both' ? [`ip saddr ${to} ip daddr ${from} drop`] : []),
    ];
  };
  return filtered(
    ways === 'both' ? `${a} and ${b} are cut off from each other` : `nothing of ${a} gets to ${b}`,
    rules,
  );
}

/** Packets to a port of a host are dropped: nobody is told. */
export function blocked(who: Who, port: number): Fault {
  return filtered(`port ${port.toString()} of ${who} is blocked`, (scene) => {
    const { address } = scene.host(who);
    return [`ip daddr ${address} tcp dport ${port.toString()} drop`];
  });
}

/** Connections to a port of a host are reset by the host itself: a firewall that answers. */
export function rejected(who: Who, port: number): Fault {
  const table = `fault${port.toString()}`;
  const nft = async (scene: Scene, words: string): Promise<void> => {
    await scene.host(who).must(['nft', words]);
  };
  const rules = [
    `add table inet ${table}`,
    `add chain inet ${table} in { type filter hook input priority 0; }`,
    `add rule inet ${table} in tcp dport ${port.toString()} reject with tcp reset`,
  ];
  return {
    name: `port ${port.toString()} of ${who} rejects`,
    apply: (scene) => nft(scene, rules.join('; ')),
    undo: (scene) => nft(scene, `delete table inet ${table}`),
  };
}

const TABLE = 'add table bridge faults';

/** Rules of the switch, which sees every packet between two hosts. */
function filtered(name: string, rules: (scene: Scene) => readonly string[]): Fault {
  const chain = name.replaceAll(/\W/g, '_');
  return {
    name,
    apply: async (scene) => {
      const lines = rules(scene).map((one) => `add rule bridge faults ${chain} ${one}`);
      const own = `add chain bridge faults ${chain} { type filter hook forward priority 0; }`;
      await scene.cluster.laboratory.onSwitch(['nft', '-f', '-'], [TABLE, own, ...lines, ''].join('\n'));
    },
    undo: async (scene) => {
      const gone = [`flush chain bridge faults ${chain}`, `delete chain bridge faults ${chain}`, ''].join('\n');
      await scene.cluster.laboratory.onSwitch(['nft', '-f', '-'], gone);
    },
  };
}

/** The postmaster of a host, as this machine numbers it. */
/** The first process of PostgreSQL of a host, as this machine numbers it. Throws when none runs. */
export function postmaster(host: Host): number {
  const all = new Set(host.pids('postgres'));
  const root = [...all].find((pid) => !all.has(readProcess(pid)?.parent ?? -1));
  if (root === undefined) throw new Error(`no PostgreSQL runs on ${host.name}`);
  return root;
}
