import { answers } from '../conditions.js';
import { killed } from '../faults.js';
import { diskFull, exhausted, recoveringSlowly } from '../host-faults.js';
import { type Scenario, check, does, ends, failsOver, happens, run, wait } from '../scenario.js';

const NOTHING_DONE = { master: 'db1', lost: 'none', two_masters: 'never', streaming: 2 } as const;
const FAILED_OVER = { master: 'promoted', lost: 'stated', two_masters: 'never', streaming: 1 } as const;

const taken = exhausted('db1');
const recovering = recoveringSlowly('db1');

/** What the servers themselves run out of, or wait for. */
export const STORAGE: readonly Scenario[] = [
  {
    name: 'connections_exhausted',
    what: 'every connection of the master is in use, those of superusers too',
    story: [happens(taken), check('master_saturated'), ends(taken), check('master_healthy')],
    ...NOTHING_DONE,
  },
  {
    name: 'slow_recovery',
    what: 'the master crashes, is started again by its service manager, and recovers slowly',
    story: [
      happens(recovering),
      check('master_starting', { exit_code: 1 }),
      check('master_starting', { exit_code: 1 }),
      ends(recovering),
      wait(answers('db1')),
      check('master_healthy'),
    ],
    ...NOTHING_DONE,
  },
  {
    name: 'disk_full',
    what: 'the disk of the master is full: it cannot write WAL, crashes, and cannot recover',
    topology: { volume_mb: 160 },
    story: [
      happens(diskFull('db1')),
      does('writes until it crashes', async (scene) => {
        const host = scene.host('db1');
        const wal = "SELECT pg_logical_emit_message(true, 'fill', repeat('x', 1000000)) FROM generate_series(1, 200)";
        await host.sql(wal, [], 30_000).catch(() => undefined);
      }),
      wait({ what: 'the master to give up', holds: async (scene) => scene.host('db1').pids('postgres').length === 0 }),
      // It fails in the middle of its recovery.
      failsOver('master_stopped'),
    ],
    ...FAILED_OVER,
  },
  {
    name: 'archive_hung_switchover',
    what: 'archive_command of the master hangs, and an operator switches over',
    topology: { settings: { archive_mode: 'on', archive_command: 'sleep 1000' } },
    story: [run(['failover', '--yes', '--to', 'db2'], { exit_code: 0, failed_over: true }), check('master_healthy')],
    master: 'promoted',
    lost: 'none',
    two_masters: 'never',
    // The old master has shut down, and its postmaster waits for the archiver for ever.
    streaming: 1,
  },
  {
    name: 'archive_hung_and_killed',
    what: 'archive_command hangs on every server, and the master is killed',
    topology: { settings: { archive_mode: 'on', archive_command: 'sleep 1000' } },
    story: [happens(killed('db1')), failsOver('master_crashed'), check('master_healthy')],
    ...FAILED_OVER,
  },
];
