import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { HandyRep } from '../service/handyrep.js';
import type { DemoPromise } from './demo-event.js';
import { type Stage, checkOnce, exists, isWritable, unlessInterrupted, within } from './demo-stage.js';

/** Twice: writable, as after a careless repair, and as HandyRep left it. */
export async function returnOfTheOldMaster(stage: Stage): Promise<readonly DemoPromise[]> {
  const { cluster, tell, handyrep } = stage;
  const old = cluster.master;
  const mark = join(old.pgdata, 'standby.signal');
  const left = await exists(mark);

  tell({ kind: 'scene', text: `Somebody removes standby.signal from ${old.name} and starts it: two masters` });
  await rm(mark, { force: true });
  await old.start();
  const writable = await isWritable(old);
  tell({
    kind: 'fact',
    text: `${old.name} ${writable ? 'accepts' : 'does not accept'} writes; the next failover-check:`,
  });
  await checkOnce(stage);
  const fenced = await lastFencing(handyrep);
  tell({ kind: 'fact', text: `the log: ${fenced}` });
  const stopped = !old.isRunning() && (await exists(mark));
  tell({ kind: 'fact', text: `${old.name} ${stopped ? 'is stopped and marked as a replica' : 'still runs'}` });

  tell({ kind: 'scene', text: `Started again as HandyRep left it, ${old.name} comes up read only` });
  await old.start();
  const readOnly = !(await isWritable(old));
  const last = await handyrep.verify();
  if ('servers' in last) tell({ kind: 'status', status: last });
  return [
    {
      promise: 'the dead master is left unable to start writable',
      kept: left,
      seen: left ? 'standby.signal' : 'nothing',
    },
    { promise: 'returned writable, it is stopped by the next check', kept: stopped, seen: fenced },
    {
      promise: 'returned as it was left, it is read only, and the new master stays the only one',
      kept: readOnly && last.exit_code === 0 && 'servers' in last && last.master !== old.name,
      seen: last.details,
    },
  ];
}

/** What the log says of the fencing: the check's own report is about what it found after it. */
async function lastFencing(handyrep: HandyRep): Promise<string> {
  const log = await handyrep.readLog({ lines: 1, category: 'FENCE' });
  return 'lines' in log ? (log.lines.at(-1)?.message ?? 'no fencing') : log.details;
}

/** The old master becomes a replica again, with what only it had kept aside; then it is made master again on purpose. */
export async function rejoinAndSwitchBack(stage: Stage): Promise<readonly DemoPromise[]> {
  const { cluster, tell, handyrep, writer } = stage;
  const old = cluster.master;
  tell({ kind: 'scene', text: `${old.name} is made a replica of the new master: handyrep rejoin ${old.name}` });
  const rejoined = await handyrep.rejoin(old.name);
  tell({ kind: 'fact', text: rejoined.details });
  unlessInterrupted(stage);

  tell({ kind: 'scene', text: `Back to where it began, without losing a commit: handyrep failover --to ${old.name}` });
  const switched = await handyrep.failover({ to: old.name });
  if ('decision' in switched) tell({ kind: 'check', report: switched });
  const back = await within(stage, 10_000, () => writer.acks.at(-1)?.port === old.port);
  const last = await handyrep.verify();
  if ('servers' in last) tell({ kind: 'status', status: last });
  const whole = 'servers' in last && last.cluster.status === 'healthy' && last.master === old.name;
  return [
    { promise: 'the old master streams again', kept: rejoined.exit_code === 0, seen: rejoined.details },
    { promise: 'it is made master again on purpose', kept: switched.exit_code === 0 && back, seen: switched.details },
    { promise: 'in the end every server is healthy', kept: whole, seen: last.details },
  ];
}
