import type { FormerMaster, SavedState } from '../core/model.js';
import { isPaused } from '../core/pause.js';
import { lookAtHost } from '../observe/host.js';
import type { Report } from '../report/report.js';
import { loadStateFile } from '../state/file.js';
import type { Reach } from './open.js';
import { MOST_ATTEMPTS, attempt } from './rejoin.js';
import type { CheckReport, RejoinedView } from './reports.js';

/** Who may be made a replica again by itself, in this state. */
function waiting(state: SavedState, now: number): readonly FormerMaster[] {
  const { pause, operation, rebuilds } = state;
  if (isPaused(pause, now) || operation !== null) return [];
  return state.former_masters.filter(
    (one) =>
      one.rejoin_failures < MOST_ATTEMPTS &&
      !rebuilds.some(({ server, broken }) => server === one.server && broken === null),
  );
}

/** Whether a check was one after which an old master may come back: the master is well, and this HandyRep acts. */
export function mayFollow(report: CheckReport | Report): boolean {
  if (!('decision' in report) || report.exit_code !== 0) return false;
  const { diagnosis, rule, vetoes } = report.decision;
  return report.failed_over || (diagnosis === 'master_healthy' && rule !== 0 && vetoes.length === 0);
}

/** `auto_rejoin`: each former master that is fenced or stopped, and whose host answers, one after the other. */
export async function rejoinFormerMasters(reach: Reach, lock_wait: number): Promise<readonly RejoinedView[]> {
  const { handyrep } = reach.loaded.config;
  const loaded = await loadStateFile(handyrep.server_file, {
    cluster_name: handyrep.cluster_name,
    repair: false,
    now: Date.now(),
  });
  const state = loaded.ok ? loaded.value.state : null;
  if (state === null) return [];
  const done: RejoinedView[] = [];
  for (const { server } of waiting(state, Date.now())) {
    if (reach.signal.aborted || !(await answers(reach, state, server))) continue;
    const { report, passing } = await attempt(reach, lock_wait, server, {}, true);
    if (!passing) done.push({ server, result: report.result, details: report.details });
  }
  return done;
}

/** A host that is gone is no failure: it is waited for, for as long as it takes. */
async function answers(reach: Reach, state: SavedState, name: string): Promise<boolean> {
  const def = state.servers[name]?.def;
  if (def === undefined) return false;
  const { ssh_timeout, connect_timeout } = reach.loaded.config.handyrep;
  const look = await lookAtHost(reach.hosts, def, { timeout: ssh_timeout + connect_timeout, signal: reach.signal });
  return look.kind === 'looked';
}
