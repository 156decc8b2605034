import { existsSync } from 'node:fs';
import { waitFor } from '../../pg/wait.js';
import { cut, killed, poweredOff, type Fault } from '../faults.js';
import { type Scenario, type Step, check, does, ends, failsOver, happens } from '../scenario.js';

const COMPANY = ['manager', 'db2', 'db3'] as const;
const NOTHING_DONE = { master: 'db1', lost: 'none', two_masters: 'never', streaming: 2 } as const;

function fromMaster(step: (fault: Fault) => Step): Step[] {
  return COMPANY.map((who) => step(cut('db1', who)));
}

/** A power switch that listens on the management host: it powers off the host that it is asked to, and says so. */
const SWITCH = `#!/bin/sh
echo "$1" >/tmp/power-off
while [ ! -e /tmp/is-off ]; do sleep 0.1; done
`;

const powerSwitch = does('a power switch is at hand', async (scene) => {
  const { manager } = scene.cluster;
  manager.write({ path: '/usr/local/bin/power-off', text: SWITCH, mode: 0o755 });
  const asked = waitFor(() => existsSync(manager.path('/tmp/power-off')), {
    deadline: 120_000,
    what: 'the fence method to be called',
  }).then(async () => {
    await scene.host('db1').powerOff();
    manager.write({ path: '/tmp/is-off', text: '' });
  });
  scene.leave.push(() => asked);
});

/** What the configuration forbids, or makes possible. */
export const POLICIES: readonly Scenario[] = [
  {
    name: 'fence_method',
    what: 'the master reaches nobody but the clients; fence_method powers its host off',
    topology: {
      failover: { fence_method: 'fence_command', require_fencing: true },
      plugins: { fence_command: { command: ['/usr/local/bin/power-off', '{{ hostname }}'] } },
    },
    applications: ['client', 'db2'],
    story: [powerSwitch, ...fromMaster(happens), failsOver('master_host_lost'), check('master_healthy')],
    master: 'promoted',
    lost: 'stated',
    two_masters: 'never',
    streaming: 1,
  },
  {
    name: 'fencing_required',
    what: 'the master reaches nobody but the clients; require_fencing, and nothing that fences',
    topology: { failover: { require_fencing: true } },
    story: [
      ...fromMaster(happens),
      check('master_host_lost', { exit_code: 1, vetoes: ['fencing_required'] }),
      ...fromMaster(ends),
      check('master_healthy'),
    ],
    ...NOTHING_DONE,
  },
  {
    name: 'no_loss_allowed',
    what: 'the master is killed; max_data_loss: none, and commits do not wait for a replica',
    topology: { failover: { max_data_loss: 'none' } },
    story: [
      happens(killed('db1')),
      check('master_crashed', { exit_code: 1, vetoes: ['too_much_loss'] }),
      does('starts it again', (scene) => scene.host('db1').startPostgres()),
    ],
    ...NOTHING_DONE,
  },
  {
    name: 'no_loss_allowed_synchronous',
    what: 'the host of the master loses power; max_data_loss: none, and commits wait for a replica',
    topology: { failover: { max_data_loss: 'none' }, synchronous: true },
    story: [happens(poweredOff('db1')), failsOver('master_host_lost'), check('master_healthy')],
    master: 'promoted',
    lost: 'none',
    two_masters: 'never',
    streaming: 1,
  },
];
