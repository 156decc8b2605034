import { unknownServer } from '../core/unknown-server.js';
import { type Report, checked, failed, success } from '../report/report.js';
import { type ServerView, viewStatus } from '../report/status.js';
import type { Calls } from './calls.js';
import { serverDifferences } from './differences.js';
import type { StatusReport } from './reports.js';

/** See `HandyRep.getStatus`. */
export async function savedStatus(calls: Calls): Promise<StatusReport | Report> {
  const state = await calls.saved();
  if (!state.ok) return failed(state.error);
  if (state.value === null) {
    return failed({
      code: 'state_unreadable',
      message: `there is no saved state in ${calls.loaded.config.handyrep.server_file}: no check was made yet`,
      hint: 'run `handyrep verify`',
    });
  }
  const view = viewStatus(state.value, calls.loaded.config.failover, Date.now());
  const differences = serverDifferences(calls.loaded.config, state.value);
  return checked(view.master_up, `${view.cluster.status}: ${view.cluster.status_message}`, null, {
    ...view,
    differences,
  });
}

/** See `HandyRep.getServerInfo`. */
export async function savedServer(
  calls: Calls,
  name: string,
): Promise<(Report & { readonly server: ServerView }) | Report> {
  const status = await savedStatus(calls);
  if (!('servers' in status)) return status;
  const server = status.servers.find((one) => one.name === name);
  if (server === undefined)
    return failed(
      unknownServer(
        name,
        status.servers.map((one) => one.name),
      ),
    );
  return success(`${name} is ${server.status}: ${server.status_message}`, { server });
}
