import { accessSync, constants } from 'node:fs';
import { dirname } from 'node:path';
import { userInfo } from 'node:os';
import { cronLine } from '../core/cron.js';
import { type DoctorFinding, describeHealth, sortFindings } from '../core/doctor.js';
import { judgeManager } from '../core/doctor-manager.js';
import { emptyState } from '../core/saved.js';
import type { SavedState } from '../core/model.js';
import { type Outcome, ok } from '../core/outcome.js';
import { readCrontab } from '../io/crontab.js';
import { type Report, checked, failed } from '../report/report.js';
import { loadStateFile, whyUnwritable } from '../state/file.js';
import { checkCluster } from './doctor-cluster.js';
import { cronProgram } from './cron.js';
import type { Reach } from './open.js';
import { unlockedTools } from './locked.js';
import { interrupted } from './refusals.js';

/** Answer of `doctor`: exit code 1 where a failover would fail. */
export type DoctorReport = Report & {
  /** What makes a failover fail first. */
  readonly findings: readonly DoctorFinding[];
  /** The servers that were looked at. */
  readonly looked_at: readonly string[];
};

/** Looks at everything that a failover will need, on all servers at once. Changes nothing, takes no lock. */
export async function doctor(reach: Reach): Promise<DoctorReport | Report> {
  const state = await rememberedState(reach);
  if (!state.ok) return failed(state.error);
  const tools = await unlockedTools(reach, state.value);
  if (!tools.ok) return failed(tools.error);
  const [cluster, manager] = await Promise.all([
    checkCluster(reach, tools.value, state.value),
    checkManager(reach, state.value),
  ]);
  if (reach.signal.aborted) return interrupted();
  const findings = sortFindings([...cluster, ...manager]);
  const looked_at = Object.values(state.value.servers).flatMap(({ def }) => (def.enabled ? [def.name] : []));
  const fine = findings.every(({ severity }) => severity === 'warning');
  return checked(fine, describeHealth(findings, looked_at.length), null, { findings, looked_at });
}

/** The saved state as it is; without one what the configuration says. */
async function rememberedState({ loaded }: Reach): Promise<Outcome<SavedState>> {
  const { cluster_name, server_file: path } = loaded.config.handyrep;
  const now = Date.now();
  const found = await loadStateFile(path, { cluster_name, repair: false, now });
  if (!found.ok) return found;
  const fresh = emptyState(cluster_name, Object.values(loaded.config.servers), new Date(now).toISOString());
  return ok(found.value.state ?? fresh);
}

async function checkManager({ loaded, signal }: Reach, state: SavedState): Promise<readonly DoctorFinding[]> {
  const { handyrep, failover } = loaded.config;
  const [trouble, crontab] = await Promise.all([whyUnwritable(handyrep.server_file), readCrontab(process.env, signal)]);
  return judgeManager({
    policy: failover,
    state_file: { path: handyrep.server_file, trouble },
    log_file: { path: handyrep.log_file, trouble: whyNoLog(handyrep.log_file) },
    own_user: userInfo().username,
    last_check: state.last_poll === null ? null : Math.max(0, Date.now() - Date.parse(state.last_poll)),
    crontab: crontab.ok ? crontab.value : null,
    cron_line: cronLine(cronProgram(loaded.file, process.env)),
  });
}

/** Null where a line could be added to the log. */
function whyNoLog(path: string): string | null {
  const write = (file: string, mode: number): string | null => {
    try {
      accessSync(file, mode);
      return null;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? String(error);
    }
  };
  const own = write(path, constants.W_OK);
  const trouble = own === 'ENOENT' ? write(dirname(path), constants.W_OK | constants.X_OK) : own;
  return trouble === null ? null : `the log ${path} cannot be written: ${trouble}`;
}
