import { readFileSync } from 'node:fs';
import type { Host } from '../../hosts/host.js';
import { killed, type Scene } from '../faults.js';
import { type Scenario, check, does, happens, wait } from '../scenario.js';

const LOG = '/var/log/handyrep/checks';
/** Each report with the time at which it came. */
const SCRIPT = `#!/bin/sh
/usr/local/bin/handyrep --json failover-check --for 55s --every 2s |
  while read -r line; do echo "$(date +%s%3N) $line"; done >>${LOG}
`;

/** The failover is cron's. */
export const CRON: readonly Scenario[] = [
  {
    name: 'cron',
    what: 'cron runs `handyrep failover-check --for 55s` each minute, and the master is killed',
    topology: { cron: true },
    story: [
      does('the crontab of the user handyrep is written', async ({ cluster: { manager } }) => {
        manager.write({ path: '/usr/local/bin/checks', text: SCRIPT, mode: 0o755 });
        await manager.must(['crontab', '-u', 'handyrep', '-'], { input: '* * * * * /usr/local/bin/checks\n' });
      }),
      wait({ what: 'cron to check', holds: async (scene) => reports(scene.host('manager')).length > 0 }),
      happens(killed('db1')),
      wait({ what: 'cron to fail over', holds: async (scene) => takeReports(scene) }),
      does('the crontab is removed', async ({ cluster: { manager } }) => {
        await manager.must(['crontab', '-u', 'handyrep', '-r']);
      }),
      wait({ what: 'the last run to end', holds: async (scene) => scene.host('manager').pids('node').length === 0 }),
      check('master_healthy'),
    ],
    master: 'promoted',
    lost: 'stated',
    two_masters: 'never',
    streaming: 1,
  },
];

function reports(manager: Host): string[] {
  return readFileSync(manager.path(LOG), 'utf8').split('\n').slice(0, -1);
}

/** Has the reports up to the failover judged with the others; false while there was none. */
async function takeReports(scene: Scene): Promise<boolean> {
  const lines = reports(scene.host('manager'));
  if (!lines.some((line) => line.includes('"failed_over":true'))) return false;
  for (const line of lines) {
    const [at = '', report = ''] = line.split(/ (.*)/, 2);
    scene.take(Number(at), report);
  }
  return true;
}
