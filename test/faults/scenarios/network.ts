import { fenced, reaches, unheardBy } from '../conditions.js';
import { type Fault, blocked, cut, poweredOff, rejected, unplugged } from '../faults.js';
import { type Scenario, type Step, check, checkUntil, ends, failsOver, happens, wait } from '../scenario.js';

const NOTHING_DONE = { master: 'db1', lost: 'none', two_masters: 'never', streaming: 2 } as const;
const CUT_OFF = { master: 'promoted', lost: 'stated', two_masters: 'while_cut_off', streaming: 1 } as const;
const seen = check('master_seen_by_replica', { exit_code: 1 });

const COMPANY = ['manager', 'db2', 'db3'] as const;
const HALVES = [
  ['manager', 'db1'],
  ['manager', 'db3'],
  ['db2', 'db1'],
  ['db2', 'db3'],
] as const;

/** The master and everybody but the clients. */
function fromMaster(step: (fault: Fault) => Step, ways: 'both' | 'one' = 'both'): Step[] {
  return COMPANY.map((who) => step(cut('db1', who, ways)));
}

/** The first check that can reach it stops the old master. */
const backAndFenced = [checkUntil(fenced('db1'), 'master_healthy'), check('master_healthy')];

/** Hosts and what is between them. */
export const NETWORK: readonly Scenario[] = [
  {
    name: 'master_host_off',
    what: 'the host of the master loses power, and comes back with PostgreSQL started as it was',
    story: [
      happens(poweredOff('db1')),
      failsOver('master_host_lost'),
      check('master_healthy'),
      ends(poweredOff('db1')),
      checkUntil(fenced('db1'), 'master_healthy'),
      check('master_healthy'),
    ],
    master: 'promoted',
    lost: 'stated',
    two_masters: 'never',
    streaming: 1,
    fast: true,
  },
  {
    name: 'master_host_off_synchronous',
    what: 'the host of the master loses power; commits wait for a replica',
    topology: { synchronous: true },
    story: [happens(poweredOff('db1')), failsOver('master_host_lost'), check('master_healthy')],
    master: 'promoted',
    lost: 'none',
    two_masters: 'never',
    streaming: 1,
  },
  {
    name: 'master_host_off_one_replica',
    what: 'the host of the master loses power; there is one replica only',
    topology: { replicas: 1 },
    story: [happens(poweredOff('db1')), failsOver('master_host_lost'), check('master_healthy')],
    master: 'promoted',
    lost: 'stated',
    two_masters: 'never',
    streaming: 0,
  },
  {
    name: 'master_unplugged',
    what: 'the cable of the master is pulled while an application on its own host writes, and put back',
    applications: ['client', 'db1'],
    story: [
      happens(unplugged('db1')),
      failsOver('master_host_lost'),
      ends(unplugged('db1')),
      checkUntil(fenced('db1'), 'master_healthy'),
      check('master_healthy'),
    ],
    ...CUT_OFF,
  },
  {
    name: 'master_cut_off_with_clients',
    what: 'the master reaches nobody but the clients, who go on writing to it, and then everybody again',
    story: [...fromMaster(happens), failsOver('master_host_lost'), ...fromMaster(ends), ...backAndFenced],
    applications: ['client', 'db2'],
    ...CUT_OFF,
  },
  {
    name: 'master_cut_off_synchronous',
    what: 'the master reaches nobody but the clients; commits wait for a replica, so it acknowledges nothing more',
    topology: { synchronous: true },
    applications: ['client', 'db2'],
    story: [...fromMaster(happens), failsOver('master_host_lost'), ...fromMaster(ends), ...backAndFenced],
    master: 'promoted',
    lost: 'none',
    two_masters: 'never',
    streaming: 1,
  },
  {
    name: 'master_mute',
    what: 'nothing that the master sends gets to anybody but the clients; it hears everybody',
    story: [...fromMaster(happens, 'one'), failsOver('master_host_lost'), ...fromMaster(ends, 'one'), ...backAndFenced],
    ...CUT_OFF,
  },
  {
    name: 'master_deaf',
    what: 'nothing gets to the master but what the clients send; everybody hears it',
    story: [
      ...COMPANY.map((who) => happens(cut(who, 'db1', 'one'))),
      wait(unheardBy('db2', 'db3')),
      failsOver('master_host_lost'),
      ...COMPANY.map((who) => ends(cut(who, 'db1', 'one'))),
      ...backAndFenced,
    ],
    ...CUT_OFF,
  },
  {
    name: 'manager_and_master_cut_off',
    what: 'only the management host and the master do not reach each other',
    story: [happens(cut('manager', 'db1')), seen, ends(cut('manager', 'db1')), check('master_healthy')],
    ...NOTHING_DONE,
    fast: true,
  },
  {
    name: 'manager_unheard_by_master',
    what: 'nothing of the management host gets to the master',
    story: [happens(cut('manager', 'db1', 'one')), seen, ends(cut('manager', 'db1', 'one')), check('master_healthy')],
    ...NOTHING_DONE,
  },
  {
    name: 'master_unheard_by_manager',
    what: 'nothing of the master gets to the management host',
    story: [happens(cut('db1', 'manager', 'one')), seen, ends(cut('db1', 'manager', 'one')), check('master_healthy')],
    ...NOTHING_DONE,
  },
  {
    name: 'one_replica_still_sees_master',
    what: 'the management host and one replica do not reach the master, the other replica does',
    story: [
      happens(cut('manager', 'db1')),
      happens(cut('db2', 'db1')),
      seen,
      ends(cut('manager', 'db1')),
      ends(cut('db2', 'db1')),
      check('master_healthy'),
    ],
    ...NOTHING_DONE,
  },
  {
    name: 'replicas_cut_off',
    what: 'no replica reaches the master, the management host does',
    story: [
      happens(cut('db2', 'db1')),
      happens(cut('db3', 'db1')),
      check('master_healthy'),
      ends(cut('db2', 'db1')),
      ends(cut('db3', 'db1')),
      check('master_healthy'),
    ],
    ...NOTHING_DONE,
  },
  {
    name: 'manager_unplugged',
    what: 'the management host reaches nobody',
    story: [
      happens(unplugged('manager')),
      check('manager_cut_off', { exit_code: 1 }),
      ends(unplugged('manager')),
      wait(reaches('manager', 'db1')),
      wait(reaches('manager', 'db2')),
      wait(reaches('manager', 'db3')),
      check('master_healthy'),
    ],
    ...NOTHING_DONE,
  },
  {
    name: 'manager_with_one_replica',
    what: 'the network falls in two: the management host with one replica, the master with the other and the clients',
    topology: { failover: { min_witnesses: 2 } },
    story: [
      ...HALVES.map(([a, b]) => happens(cut(a, b))),
      check('too_few_witnesses', { exit_code: 1 }),
      ...HALVES.map(([a, b]) => ends(cut(a, b))),
      check('master_healthy'),
    ],
    ...NOTHING_DONE,
  },
  {
    name: 'postgresql_port_dropped',
    what: 'a firewall drops what goes to port 5432 of the master, and nothing else',
    story: [
      happens(blocked('db1', 5432)),
      check('master_alive_to_its_host', { exit_code: 1 }),
      ends(blocked('db1', 5432)),
      check('master_healthy'),
    ],
    ...NOTHING_DONE,
  },
  {
    name: 'postgresql_port_rejected',
    what: 'a firewall of the master refuses connections to port 5432 from other hosts',
    story: [
      happens(rejected('db1', 5432)),
      check('master_alive_to_its_host', { exit_code: 1 }),
      ends(rejected('db1', 5432)),
      check('master_healthy'),
    ],
    ...NOTHING_DONE,
  },
];
