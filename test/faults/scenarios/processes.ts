import { frozen, killed } from '../faults.js';
import { type Scenario, check, ends, failsOver, happens } from '../scenario.js';

/** PostgreSQL of the master dies or hangs; its host lives. */
export const PROCESSES: readonly Scenario[] = [
  {
    name: 'master_killed',
    what: 'every process of the master is killed',
    story: [happens(killed('db1')), failsOver('master_crashed'), check('master_healthy')],
    master: 'promoted',
    lost: 'stated',
    two_masters: 'never',
    streaming: 1,
    fast: true,
  },
  {
    name: 'master_killed_synchronous',
    what: 'every process of the master is killed; commits wait for a replica',
    topology: { synchronous: true },
    story: [happens(killed('db1')), failsOver('master_crashed'), check('master_healthy')],
    master: 'promoted',
    lost: 'none',
    two_masters: 'never',
    streaming: 1,
    fast: true,
  },
  {
    name: 'master_frozen',
    what: 'every process of the master is stopped (SIGSTOP), and goes on later',
    story: [happens(frozen('db1')), failsOver('master_hung'), ends(frozen('db1')), check('master_healthy')],
    master: 'promoted',
    lost: 'stated',
    two_masters: 'never',
    streaming: 1,
    fast: true,
  },
];
