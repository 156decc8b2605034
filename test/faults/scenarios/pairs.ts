import { waitFor } from '../../pg/wait.js';
import { cut, frozen, killed, poweredOff } from '../faults.js';
import { type Scenario, check, checkUntil, does, ends, failsOver, happens, run, wait } from '../scenario.js';
import { hasBegun } from '../journal.js';
import { answers, fenced, streamsFrom } from '../conditions.js';

const FAILED_OVER = { master: 'promoted', lost: 'stated', two_masters: 'never' } as const;

/** Faults that come together, or one after the other. */
export const PAIRS: readonly Scenario[] = [
  {
    name: 'cut_off_then_off',
    what: 'management host and master do not reach each other; then the host of the master loses power',
    story: [
      happens(cut('manager', 'db1')),
      check('master_seen_by_replica', { exit_code: 1 }),
      happens(poweredOff('db1')),
      failsOver('master_host_lost'),
      check('master_healthy'),
    ],
    ...FAILED_OVER,
    streaming: 1,
  },
  {
    name: 'failover_then_other_replica_dies',
    what: 'the master is killed; after the failover the other replica loses power, then the new master is killed',
    story: [
      happens(killed('db1')),
      failsOver('master_crashed'),
      happens(poweredOff('other')),
      check('master_healthy'),
      happens(killed('promoted')),
      check('too_few_witnesses', { exit_code: 1 }),
      ends(killed('promoted')),
      wait(answers('promoted')),
      check('master_healthy'),
    ],
    ...FAILED_OVER,
    streaming: 0,
  },
  {
    name: 'two_failovers',
    what: 'the master is killed, and after the failover the new master',
    story: [
      happens(killed('db1')),
      failsOver('master_crashed'),
      wait(streamsFrom('promoted', 1)),
      check('master_healthy'),
      happens(killed('promoted')),
      failsOver('master_crashed'),
      check('master_healthy'),
    ],
    ...FAILED_OVER,
    streaming: 0,
  },
  {
    name: 'too_soon_for_another',
    what: 'the master is killed, and soon after the failover the new master: min_failover_interval holds',
    topology: { failover: { min_failover_interval: '10m' } },
    story: [
      happens(killed('db1')),
      failsOver('master_crashed'),
      wait(streamsFrom('promoted', 1)),
      happens(killed('promoted')),
      check('master_crashed', { exit_code: 1, vetoes: ['too_soon'] }),
      ends(killed('promoted')),
      wait(answers('promoted')),
      check('master_healthy'),
    ],
    ...FAILED_OVER,
    streaming: 1,
  },
  {
    name: 'returns_during_failover',
    what: 'the host of the master loses power, and is back while the failover goes on; fence_method says that it is off',
    topology: { failover: { fence_method: 'fence_command' }, plugins: { fence_command: { command: ['sleep', '8'] } } },
    applications: ['client', 'db2'],
    story: [
      happens(poweredOff('db1')),
      does('comes back as soon as a failover has begun', async (scene) => {
        const back = waitFor(() => hasBegun(scene.host('manager'), 'fence_old_master'), {
          deadline: 60_000,
          what: 'the failover to get so far',
          every: 5,
        }).then(() => scene.host('db1').powerOn());
        scene.leave.push(() => back);
      }),
      // The choice looks at it once more, and nobody is promoted beside it.
      check('master_host_lost', { exit_code: 1 }),
      checkUntil(streamsFrom('db1', 2), 'master_healthy'),
    ],
    master: 'db1',
    lost: 'none',
    two_masters: 'never',
    streaming: 2,
  },
  {
    name: 'frozen_for_a_moment',
    what: 'the master is stopped (SIGSTOP) and goes on before the next check',
    story: [happens(frozen('db1')), ends(frozen('db1')), check('master_healthy')],
    master: 'db1',
    lost: 'none',
    two_masters: 'never',
    streaming: 2,
  },
  {
    name: 'old_master_started',
    what: 'the master is killed; after the failover somebody starts it again (auto_rejoin: false): it stays read only',
    story: [
      happens(killed('db1')),
      failsOver('master_crashed'),
      ends(killed('db1')),
      check('master_healthy'),
      checkUntil(fenced('db1'), 'master_healthy'),
    ],
    ...FAILED_OVER,
    streaming: 1,
  },
  {
    name: 'old_master_rejoins',
    what: 'the host of the master loses power and comes back; auto_rejoin: true makes it a replica again',
    topology: { failover: { auto_rejoin: true } },
    story: [
      happens(poweredOff('db1')),
      failsOver('master_host_lost'),
      ends(poweredOff('db1')),
      checkUntil(streamsFrom('promoted', 2), 'master_healthy'),
    ],
    ...FAILED_OVER,
    streaming: 2,
    fast: true,
  },
  {
    name: 'killed_master_rejoins',
    what: 'the master is killed; auto_rejoin: true makes it a replica again, and a verify finds all well',
    topology: { failover: { auto_rejoin: true } },
    story: [
      happens(killed('db1')),
      failsOver('master_crashed'),
      checkUntil(streamsFrom('promoted', 2), 'master_healthy'),
      run(['verify'], { exit_code: 0 }),
    ],
    ...FAILED_OVER,
    streaming: 2,
  },
];
