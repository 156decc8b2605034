import { CONFIG } from '../../hosts/disks.js';
import { waitFor } from '../../pg/wait.js';
import { lockLeftOver } from '../conditions.js';
import { killed, poweredOff } from '../faults.js';
import { clockJumped, stateFull } from '../host-faults.js';
import { hasBegun } from '../journal.js';
import { type Scenario, type Step, check, does, ends, failsOver, happens, run, wait } from '../scenario.js';

const NOTHING_DONE = { master: 'db1', lost: 'none', two_masters: 'never', streaming: 2 } as const;
const FAILED_OVER = { master: 'promoted', lost: 'stated', two_masters: 'never', streaming: 1 } as const;
const held = { exit_code: 1, vetoes: ['manager_sick'] };

const loseState = does('loses its saved state', async (scene) => {
  await scene.host('manager').must(['sh', '-c', 'rm -r /var/lib/handyrep/*']);
});

/** A check is begun, and its host loses power when it comes to this step. */
function diesAt(kind: string): Step {
  return does(`dies at the step ${kind}`, async (scene) => {
    const manager = scene.host('manager');
    const dying = manager.run(['handyrep', '-c', CONFIG, 'failover-check'], { user: 'handyrep' });
    await waitFor(() => hasBegun(manager, kind), { deadline: 60_000, what: `the step ${kind}`, every: 1 });
    await manager.powerOff();
    await dying;
  });
}

/** The management host itself is in trouble. */
export const MANAGER_TROUBLE: readonly Scenario[] = [
  {
    name: 'clock_jumped',
    what: 'the clock of the management host jumps forward by an hour, and back',
    story: [happens(clockJumped('+1h')), check('master_healthy'), ends(clockJumped('+1h')), check('master_healthy')],
    ...NOTHING_DONE,
  },
  {
    name: 'clock_jumped_and_killed',
    what: 'the master is killed at the moment at which the clock of the management host jumps forward by an hour',
    story: [
      happens(clockJumped('+1h')),
      happens(killed('db1')),
      check('master_crashed', held),
      failsOver('master_crashed'),
    ],
    ...FAILED_OVER,
  },
  {
    name: 'clock_jumped_back_and_killed',
    what: 'the master is killed at the moment at which the clock of the management host jumps back by an hour',
    story: [
      happens(clockJumped('-1h')),
      happens(killed('db1')),
      check('master_crashed', held),
      failsOver('master_crashed'),
    ],
    ...FAILED_OVER,
  },
  {
    name: 'state_full_and_killed',
    what: 'the disk of the management host is full, so that the state cannot be saved, and the master is killed',
    story: [
      happens(stateFull()),
      happens(killed('db1')),
      // The lock is beside the state.
      run(['failover-check'], { exit_code: 1 }),
      ends(stateFull()),
      failsOver('master_crashed'),
    ],
    ...FAILED_OVER,
  },
  {
    name: 'manager_restarted_and_killed',
    what: 'the management host starts anew and loses its saved state; then the master is killed',
    story: [
      happens(poweredOff('manager')),
      ends(poweredOff('manager')),
      loseState,
      check('master_healthy'),
      happens(killed('db1')),
      failsOver('master_crashed'),
    ],
    ...FAILED_OVER,
    fast: true,
  },
  {
    name: 'manager_and_master_lost',
    what: 'management host and master lose power at once; another management host starts with no saved state',
    story: [
      happens(poweredOff('manager')),
      happens(poweredOff('db1')),
      ends(poweredOff('manager')),
      loseState,
      // The copy in the table may not know the last change of master: nobody but a person can vouch for it.
      run(['failover-check'], { exit_code: 1 }),
      run(['--yes', 'failover'], { exit_code: 0, failed_over: true }),
    ],
    ...FAILED_OVER,
  },
  ...['promote', 'remaster'].map((kind): Scenario => ({
    name: `manager_off_at_${kind}`,
    what: `the management host loses power while a failover does its step "${kind}", and comes back`,
    story: [
      happens(poweredOff('db1')),
      diesAt(kind),
      ends(poweredOff('manager')),
      wait(lockLeftOver),
      check('operation_unfinished', held),
      run(['failover-check'], { exit_code: 0, failed_over: true }),
      check('master_healthy'),
    ],
    ...FAILED_OVER,
  })),
];
