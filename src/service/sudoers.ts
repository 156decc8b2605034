import { userInfo } from 'node:os';
import type { ServerDef } from '../core/model.js';
import { SUDOERS_FILE, type SudoersInput, sudoersLines } from '../core/sudoers.js';
import { type Report, failed, success } from '../report/report.js';
import type { Reach } from './open.js';
import { knownServers } from './timings.js';

/** What one host's sudo must allow. */
export interface HostSudoers {
  readonly server: string;
  readonly hostname: string;
  readonly file: string;
  readonly lines: readonly string[];
}

/** Answer of `doctor --sudoers`. */
export type SudoersReport = Report & { readonly sudoers: readonly HostSudoers[] };

/** The exact sudoers lines that are enough, by host. Opens no connection, takes no lock. */
export async function sudoersReport(reach: Reach): Promise<SudoersReport | Report> {
  const servers = await knownServers(reach.loaded.config);
  if (!servers.ok) return failed(servers.error);
  const { postgres_os_user } = reach.loaded.config.handyrep;
  const sudoers = await Promise.all(
    servers.value.map(async (server): Promise<HostSudoers> => {
      const service = await serviceOf(reach, server);
      const lines = sudoersLines({ server, postgres_os_user, service, otherwise: userInfo().username });
      return { server: server.name, hostname: server.hostname, file: SUDOERS_FILE, lines };
    }),
  );
  const details = `anything as ${postgres_os_user}, and as root nothing but its service: HandyRep needs no more on a host`;
  return success(details, { sudoers });
}

/** The unit that is started as root; null: nothing is. */
async function serviceOf({ registry }: Reach, server: ServerDef): Promise<SudoersInput['service']> {
  if (server.restart_method !== 'restart_service') return null;
  const settings = await registry.settingsOf(server.restart_method);
  const found = settings.ok ? settings.value : null;
  if (found?.['sudo'] !== true) return null;
  return { service: String(found['service']), command: found['command'] === 'service' ? 'service' : 'systemctl' };
}
