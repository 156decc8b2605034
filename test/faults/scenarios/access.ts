import { answers, fenced } from '../conditions.js';
import { blocked, cut, frozen, killed, poweredOff } from '../faults.js';
import { hostKeyChanged, sshdHung, sudoersBroken, unresolving } from '../host-faults.js';
import type { Fault } from '../faults.js';
import { type Scenario, check, checkUntil, ends, failsOver, happens, wait } from '../scenario.js';

const NOTHING_DONE = { master: 'db1', lost: 'none', two_masters: 'never', streaming: 2 } as const;
const FAILED_OVER = { master: 'promoted', lost: 'stated', two_masters: 'never', streaming: 1 } as const;

/** Trouble with ssh alone is no reason to touch a master that works. */
function alone(name: string, what: string, fault: Fault): Scenario {
  return {
    name,
    what,
    story: [happens(fault), check('master_healthy'), ends(fault), check('master_healthy')],
    ...NOTHING_DONE,
  };
}

/** The master dies while its host cannot be asked: the fencing is owed, and paid when somebody starts it again. */
function thenKilled(name: string, what: string, fault: Fault): Scenario {
  return {
    name,
    what,
    story: [
      happens(fault),
      happens(killed('db1')),
      failsOver('master_host_lost'),
      ends(fault),
      check('master_healthy'),
      ends(killed('db1')),
      wait(answers('db1')),
      checkUntil(fenced('db1'), 'master_healthy'),
    ],
    ...FAILED_OVER,
  };
}

/** ssh, sudo and names. */
export const ACCESS: readonly Scenario[] = [
  alone('ssh_blocked', 'the ssh port of the master is blocked', blocked('db1', 22)),
  alone('sshd_hung', 'the sshd of the master hangs', sshdHung('db1')),
  alone('sudoers_broken', 'sudo on the host of the master refuses', sudoersBroken('db1')),
  alone('host_key_changed', 'the host key of the master is another one', hostKeyChanged('db1')),
  thenKilled(
    'ssh_blocked_and_killed',
    'the ssh port of the master is blocked, and the master is killed',
    blocked('db1', 22),
  ),
  thenKilled('sshd_hung_and_killed', 'the sshd of the master hangs, and the master is killed', sshdHung('db1')),
  thenKilled(
    'host_key_changed_and_killed',
    'the host key of the master is another one, and the master is killed',
    hostKeyChanged('db1'),
  ),
  {
    name: 'sudoers_broken_and_frozen',
    what: 'sudo on the host of the master refuses, and the master is stopped (SIGSTOP): it may go on at any time',
    story: [
      happens(sudoersBroken('db1')),
      happens(frozen('db1')),
      check('master_untold', { exit_code: 1 }),
      ends(sudoersBroken('db1')),
      failsOver('master_hung'),
      ends(frozen('db1')),
      check('master_healthy'),
    ],
    ...FAILED_OVER,
  },
  {
    name: 'sudoers_broken_on_replicas',
    what: 'sudo refuses on both replicas, and the master is killed',
    story: [
      happens(sudoersBroken('db2')),
      happens(sudoersBroken('db3')),
      happens(killed('db1')),
      failsOver('master_crashed'),
      ends(sudoersBroken('db2')),
      ends(sudoersBroken('db3')),
      check('master_healthy'),
    ],
    ...FAILED_OVER,
  },
  {
    name: 'names_fail',
    what: 'names do not resolve on the management host: the name server says no at once',
    story: [
      happens(unresolving('manager', 'fast')),
      check('resolver_failing', { exit_code: 1 }),
      ends(unresolving('manager', 'fast')),
      check('master_healthy'),
    ],
    ...NOTHING_DONE,
    fast: true,
  },
  {
    name: 'names_fail_slowly',
    what: 'names do not resolve on the management host: the name server does not answer',
    story: [
      happens(unresolving('manager', 'slow')),
      check('resolver_failing', { exit_code: 1 }),
      ends(unresolving('manager', 'slow')),
      check('master_healthy'),
    ],
    ...NOTHING_DONE,
  },
  {
    name: 'names_fail_and_host_off',
    what: 'names do not resolve on the management host while the host of the master loses power',
    story: [
      happens(unresolving('manager', 'fast')),
      happens(poweredOff('db1')),
      check('resolver_failing', { exit_code: 1 }),
      ends(unresolving('manager', 'fast')),
      failsOver('master_host_lost'),
    ],
    ...FAILED_OVER,
  },
  {
    name: 'names_fail_on_replicas',
    what: 'the management host does not reach the master, and the replicas cannot resolve its name: they stream from it',
    story: [
      happens(unresolving('db2', 'fast')),
      happens(unresolving('db3', 'fast')),
      happens(cut('manager', 'db1')),
      check('master_seen_by_replica', { exit_code: 1 }),
      ends(cut('manager', 'db1')),
      ends(unresolving('db2', 'fast')),
      ends(unresolving('db3', 'fast')),
      check('master_healthy'),
    ],
    ...NOTHING_DONE,
  },
];
