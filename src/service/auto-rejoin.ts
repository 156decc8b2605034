import { mayRejoinAfter, waitingToRejoin } from '../core/auto-rejoin.js';
import type { SavedState } from '../core/model.js';
import { lookAtHost } from '../observe/host.js';
import type { Report } from '../report/report.js';
import { loadStateFile } from '../state/file.js';
import type { Reach } from './open.js';
import { attempt } from './rejoin.js';
import type { CheckReport, RejoinedView } from './reports.js';

/** Whether the report is that of a check after which an old master may come back. */
export function mayFollow(report: CheckReport | Report): boolean {
  if (!('decision' in report) || report.exit_code !== 0) return false;
  return mayRejoinAfter({ ...report.decision, failed_over: report.failed_over });
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
  for (const server of waitingToRejoin(state, Date.now())) {
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
