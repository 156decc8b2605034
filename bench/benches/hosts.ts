import { setTimeout as sleep } from 'node:timers/promises';
import { freezeTree } from '../../src/demo/processes.js';
import { outage } from '../../test/faults/checker.js';
import { postmaster } from '../../test/faults/faults.js';
import { type Application, startApplication } from '../../test/hosts/application.js';
import { type HostCluster, createHostCluster } from '../../test/hosts/cluster.js';
import { CONFIG } from '../../test/hosts/disks.js';
import type { Host } from '../../test/hosts/host.js';
import { laboratoryProblem } from '../../test/hosts/laboratory.js';
import { waitFor } from '../../test/pg/wait.js';
import { RUNS } from '../counts.js';
import type { Figure, Findings } from '../figures.js';

const CALM_MS = 1500;
const ROUND_MS = 5000;
const DEADLINE_MS = 90_000;
/** What `test/hosts` shortens is as long here as it is by default. */
const DEFAULTS = {
  handyrep: { connect_timeout: '3s', ssh_timeout: '5s' },
  failover: { fail_retries: 3, fail_retry_interval: '1s' },
};

interface HostFault {
  strike(host: Host): Promise<void>;
  /** What is wanted of the outage, milliseconds. */
  readonly at_most: number;
}

const FAULTS: Readonly<Record<string, HostFault>> = {
  'the master is frozen': {
    strike: async (host) => {
      freezeTree(postmaster(host));
    },
    at_most: 6000,
  },
  "the master's host loses power": { strike: (host) => host.powerOff(), at_most: 8000 },
};

/** On hosts of their own, each run on new ones; the ways take turns. */
export async function hosts(): Promise<Findings> {
  const problem = await laboratoryProblem();
  if (problem !== null) throw new Error(problem);
  const outages = new Map<string, { readonly floor: number[]; readonly watched: number[] }>();
  for (let run = 0; run < RUNS; run++) {
    for (const [name, { strike }] of Object.entries(FAULTS)) {
      const times = outages.get(name) ?? { floor: [], watched: [] };
      outages.set(name, times);
      times.floor.push(await measure(strike, byHand));
      times.watched.push(await measure(strike, watched));
    }
  }
  const figures = [...outages].flatMap(([name, { floor, watched: values }]): readonly Figure[] => {
    const by_hand = `${name}: SELECT pg_promote(), sent at once`;
    const at_most = FAULTS[name]?.at_most ?? Number.NaN;
    return [
      { name: by_hand, unit: 'ms', values: floor },
      {
        name: `${name}: failover-check --for 55s`,
        unit: 'ms',
        values,
        against: by_hand,
        aim: { of: 'median', at_most },
      },
    ];
  });
  return {
    figures,
    notes: [
      'a client that waits for a silent server gives up after 1 s: that is in both',
      'a run fails when the old master acknowledges a write after the new one has',
    ],
  };
}

/** Strikes the master, and has somebody do something about it. */
type Rescue = (cluster: HostCluster, strike: () => Promise<void>) => Promise<void>;

async function byHand(cluster: HostCluster, strike: () => Promise<void>): Promise<void> {
  await strike();
  await cluster.host('db2').sql('SELECT pg_promote()', [], DEADLINE_MS);
}

/** At any moment of the time between two rounds. */
async function watched({ manager }: HostCluster, strike: () => Promise<void>): Promise<void> {
  const argv = ['handyrep', '--json', '-c', CONFIG, 'failover-check', '--for', '55s'];
  // It ends with its host.
  void manager.run(argv, { user: 'handyrep', timeout: DEADLINE_MS }).catch(() => undefined);
  await sleep(CALM_MS + Math.random() * ROUND_MS);
  await strike();
}

async function measure(strike: (host: Host) => Promise<void>, rescue: Rescue): Promise<number> {
  const cluster = await createHostCluster(DEFAULTS);
  let application: Application | null = null;
  try {
    const [old] = cluster.databases;
    if (old === undefined) throw new Error('there is no master');
    application = await startApplication(cluster, cluster.client, 0);
    await sleep(CALM_MS);
    await rescue(cluster, () => strike(old));
    const { acks } = application;
    await waitFor(() => acks.some(({ host }) => host !== old.address), {
      deadline: DEADLINE_MS,
      what: 'somebody to take writes again',
    });
    await sleep(CALM_MS);
    const first = acks.findIndex(({ host }) => host !== old.address);
    if (acks.slice(first).some(({ host }) => host === old.address)) throw new Error('the old master took writes again');
    return outage(acks);
  } finally {
    await application?.stop();
    await cluster.destroy();
  }
}
